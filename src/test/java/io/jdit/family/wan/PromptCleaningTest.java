package io.jdit.family.wan;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.Fixture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class PromptCleaningTest {
  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void everyVectorOfTheReferenceIsCleanedTheSame(String name) {
    try (Fixture f = new Fixture(name)) {
      JsonNode vectors = f.json().at("/text/cleaning");
      assertThat(vectors.size()).isGreaterThan(5);
      for (JsonNode vector : vectors) {
        assertThat(PromptCleaning.clean(vector.path("raw").asString()))
            .isEqualTo(vector.path("clean").asString());
      }
      for (JsonNode prompt : f.json().at("/text/component")) {
        assertThat(PromptCleaning.clean(prompt.path("raw").asString()))
            .isEqualTo(prompt.path("clean").asString());
      }
    }
  }

  /** Results of ftfy 6.3.1 and html.unescape. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "a &lt;b&gt; &#233; &eacute &notit; &unknown; | a <b> \u00e9 \u00e9 \u00acit; &unknown;",
        "na\u00c3\u00afve \u00e2\u20ac\u0153quoted\u00e2\u20ac\u009d | na\u00efve \"quoted\"",
        "\u00d0\u0161\u00d0\u00be\u00d1\u02c6\u00d0\u00ba\u00d0\u00b0 | \u041a\u043e\u0448\u043a\u0430",
        "\u041a\u043e\u0448\u043a\u0430 na\u00efve caf\u00e9 \u2014 \u4e00 | \u041a\u043e\u0448\u043a\u0430 na\u00efve caf\u00e9 \u2014 \u4e00",
        "\uff76\uff80\uff76\uff85 \u3000 \u2026 | \u30ab\u30bf\u30ab\u30ca \u2026",
        "&amp;lt;b&amp;gt; | <b>",
        "(really) \u00d1\u201a\u00d1\u20ac\u00d0\u00b0\u00d0\u00b2\u00d0\u00b5 pi\u00f1ata | (really) \u0442\u0440\u0430\u0432\u0435 pi\u00f1ata",
        "the \u00c3\u00a2\u00c2\u0080\u00c2\u0094 \u00c3\u00b0\u00c2\u009f\u00c2\u0090\u00c2\u0088 | the \u2014 \ud83d\udc08",
        "caf\u00e9 \u0085 na\u00efve | caf\u00e9 \u2026 na\u00efve",
        "\u00c4\u00b0stanbul 5\u00e2\u201a\u00ac \u00f1 | \u0130stanbul 5\u20ac \u00f1",
        "CAF\u00c9\u2122 \u00c0 \u00ab \u00c9T\u00c9 \u00bb | CAF\u00c9\u2122 \u00c0 \u00ab \u00c9T\u00c9 \u00bb"
      })
  void repairsAreMadeAndCleanTextStays(String raw, String clean) {
    assertThat(PromptCleaning.clean(raw)).isEqualTo(clean);
  }
}
