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
        "&amp;lt;b&amp;gt; | <b>"
      })
  void repairsAreMadeAndCleanTextStays(String raw, String clean) {
    assertThat(PromptCleaning.clean(raw)).isEqualTo(clean);
  }
}
