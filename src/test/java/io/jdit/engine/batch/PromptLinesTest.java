package io.jdit.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.OutputKind;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prompt files whose name does not say what they hold. */
class PromptLinesTest {
  private static final String TWO = "{\"prompt\":\"a red circle\"}\n{\"prompt\":\"a blue star\"}\n";

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"p.jsonl", "p.ndjson", "p.JSONL", "p.txt", "p.json", "p", "p.v2"})
  void objectsAreReadWhateverTheName(String name) throws IOException {
    assertThat(prompts(name, TWO)).containsExactly("a red circle", "a blue star");
  }

  @Test
  void bracesAloneMakeNoObject() throws IOException {
    assertThat(prompts("p.txt", "{red|blue} ball\n[photo] a cat\n{\"prompt\": \"x\"}\n"))
        .containsExactly("{red|blue} ball", "[photo] a cat", "x");
  }

  /** Where the first line is an object, one that is cut off is no prompt. */
  @Test
  void aBrokenObjectAmongObjectsIsABadLine() throws IOException {
    BatchFile file = read("p.txt", TWO + "{\"prompt\": \"cut\n");
    assertThat(file.items()).hasSize(2);
    assertThat(file.badLines()).extracting(BadLine::line).containsExactly(3);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[{\"prompt\":\"a red circle\"},{\"prompt\":\"a blue star\"}]\n",
        "[\n  {\"prompt\": \"a\"}\n]\n",
        "{\n  \"prompt\": \"a\"\n}\n"
      })
  void documentsAreRefused(String text) {
    for (String name : List.of("p.json", "p.txt")) {
      assertThatThrownBy(() -> read(name, text))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("is one JSON document")
          .hasMessageContaining("one JSON object on each line");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"p.csv", "p.tsv", "p.yaml", "p.YML", "p.parquet", "p.xlsx"})
  void otherFormsAreRefusedByName(String name) {
    assertThatThrownBy(() -> read(name, "prompt\na red circle\n"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("is no text of prompts");
  }

  @Test
  void seedsBeyondALongAreThoseOfTorch() throws IOException {
    BatchFile file =
        read(
            "p.jsonl",
            """
            {"prompt":"a","seed":9223372036854775808}
            {"prompt":"b","seed":18446744073709551615}
            {"prompt":"c","seed":18446744073709551616}
            {"prompt":"d","seed":-9223372036854775808}
            {"prompt":"e","seed":-9223372036854775809}
            """);
    assertThat(file.items())
        .extracting(i -> i.request().get(RequestKeys.SEED))
        .containsExactly(
            new BigInteger("9223372036854775808"),
            new BigInteger("18446744073709551615"),
            new BigInteger("-9223372036854775808"));
    assertThat(file.badLines()).extracting(BadLine::line).containsExactly(3, 5);
  }

  private List<String> prompts(String name, String text) throws IOException {
    BatchFile file = read(name, text);
    assertThat(file.badLines()).isEmpty();
    return file.items().stream().map(i -> i.request().get(RequestKeys.PROMPT)).toList();
  }

  private BatchFile read(String name, String text) throws IOException {
    return BatchFile.read(
        Files.writeString(folder.resolve(name), text),
        new BatchDefaults(Values.none(), List.of(BigInteger.ONE), null, OutputKind.PICTURE));
  }
}
