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
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchFileTest {
  private static final Values OPTIONS =
      Values.of(RequestKeys.NUM_INFERENCE_STEPS, 9)
          .with(RequestKeys.GUIDANCE_SCALE, 3.5)
          .with(RequestKeys.NEGATIVE_PROMPT, "grey");

  @TempDir private Path folder;

  @Test
  void aTextFileHasOnePromptPerLine() throws IOException {
    BatchFile batch = read("p.txt", "\uFEFFa red circle\n\n  ein grüner Ring  \n", List.of(7L));
    assertThat(batch.badLines()).isEmpty();
    assertThat(batch.items()).extracting(BatchItem::key).containsExactly("00001", "00003");
    assertThat(batch.items()).extracting(BatchItem::line).containsExactly(1, 3);
    assertThat(batch.items())
        .flatExtracting(BatchItem::fileNames)
        .containsExactly("00001_a_red_circle.png", "00003_ein_gruner_Ring.png");
    assertThat(batch.items().get(1).request())
        .isEqualTo(
            OPTIONS
                .with(RequestKeys.PROMPT, "ein grüner Ring")
                .with(RequestKeys.SEED, BigInteger.valueOf(7))
                .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 1));
  }

  @Test
  void aJsonLineOverridesTheOptions() throws IOException {
    BatchFile batch =
        read(
            "p.jsonl",
            """
            {"prompt": "a", "negative_prompt": "n", "prompt_2": "b", "negative_prompt_2": "m", "seed": 9007199254740993, "height": 32, "width": 48, "num_inference_steps": 2, "guidance_scale": 1, "true_cfg_scale": 2.5, "max_sequence_length": 77, "num_outputs_per_prompt": 2, "output_file_name": "own.jpg"}
            {"prompt": "c", "seed": null}
            """,
            List.of(7L));
    assertThat(batch.badLines()).isEmpty();
    assertThat(batch.items().get(0).request())
        .isEqualTo(
            Values.of(RequestKeys.PROMPT, "a")
                .with(RequestKeys.PROMPT_2, "b")
                .with(RequestKeys.NEGATIVE_PROMPT, "n")
                .with(RequestKeys.NEGATIVE_PROMPT_2, "m")
                .with(RequestKeys.TRUE_CFG_SCALE, 2.5)
                .with(RequestKeys.HEIGHT, 32)
                .with(RequestKeys.WIDTH, 48)
                .with(RequestKeys.NUM_INFERENCE_STEPS, 2)
                .with(RequestKeys.GUIDANCE_SCALE, 1.0)
                .with(RequestKeys.SEED, BigInteger.valueOf(9007199254740993L))
                .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2)
                .with(RequestKeys.MAX_SEQUENCE_LENGTH, 77));
    assertThat(batch.items().get(0).fileNames()).containsExactly("own_0.jpg", "own_1.jpg");
    assertThat(batch.items().get(1).request().get(RequestKeys.SEED))
        .isEqualTo(BigInteger.valueOf(7));
    assertThat(batch.items().get(1).request().get(RequestKeys.NUM_INFERENCE_STEPS)).isEqualTo(9);
  }

  @Test
  void everySeedOfTheOptionsMakesOneItem() throws IOException {
    BatchFile batch =
        read("p.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"seed\": 5}\n", List.of(1L, 2L));
    assertThat(batch.items())
        .extracting(BatchItem::key)
        .containsExactly("00001-0", "00001-1", "00002");
    assertThat(batch.items())
        .extracting(i -> i.request().get(RequestKeys.SEED))
        .containsExactly(BigInteger.ONE, BigInteger.TWO, BigInteger.valueOf(5));
    assertThat(batch.items())
        .flatExtracting(BatchItem::fileNames)
        .containsExactly("00001_a_0.png", "00001_a_1.png", "00002_b.png");
  }

  @Test
  void badLinesAreNamedAndTheOthersStay() throws IOException {
    BatchFile batch =
        read(
            "p.jsonl",
            """
            {"prompt": "a", "hight": 64}
            {"prompt": "a"
            ["a"]
            {"height": 64}
            {"prompt": "a", "height": "64"}
            {"prompt": "a", "seed": 1.5}
            {"prompt": "a", "width": 0}
            {"prompt": "a", "prompt": "b"}
            {"prompt": "a", "output_file_name": "../up.png"}
            {"prompt": "a", "output_file_name": "clip.mp4"}
            {"prompt": "good", "output_file_name": "x"}
            {"prompt": "again", "output_file_name": "x.png"}
            {"prompt": "a"} {"prompt": "b"}
            """,
            List.of(7L));
    assertThat(batch.items())
        .extracting(i -> i.request().get(RequestKeys.PROMPT))
        .containsExactly("good");
    List<String> problems =
        batch.badLines().stream().map(b -> b.line() + ": " + b.problem()).toList();
    assertThat(problems).hasSize(12).allMatch(p -> p.lines().count() == 1);
    assertThat(problems.get(0)).isEqualTo("1: unknown key 'hight'; did you mean 'height'?");
    assertThat(problems.get(1)).startsWith("2: not one JSON object");
    assertThat(problems.get(2)).isEqualTo("3: expected a JSON object, found a list of 1");
    assertThat(problems.get(3)).isEqualTo("4: the key 'prompt' is missing");
    assertThat(problems.get(4)).isEqualTo("5: height: expected an integer >= 1, found text '64'");
    assertThat(problems.get(5))
        .isEqualTo(
            "6: seed: expected a whole number from -9223372036854775808 to 18446744073709551615, found 1.5");
    assertThat(problems.get(6)).isEqualTo("7: width: expected an integer >= 1, found 0");
    assertThat(problems.get(7)).startsWith("8: not one JSON object").contains("prompt");
    assertThat(problems.get(8)).startsWith("9: output_file_name '../up.png' is not a plain name");
    assertThat(problems.get(9)).contains("pictures are .png, .jpg or .webp");
    assertThat(problems.get(10)).isEqualTo("12: its picture 'x.png' is already that of line 11");
    assertThat(problems.get(11)).startsWith("13: not one JSON object");
  }

  @Test
  void aFileWithoutLinesIsAnError() {
    assertThatThrownBy(() -> read("p.jsonl", "\n \n", List.of(1L)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("holds no prompt");
  }

  @Test
  void mangledLinesAreNeverMoreThanBadLines() throws IOException {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    String line =
        "{\"prompt\": \"a\", \"seed\": 3, \"height\": 64, \"output_file_name\": \"n.png\"}";
    for (int run = 0; run < 300; run++) {
      StringBuilder text = new StringBuilder(line);
      for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.insert(at, (char) (' ' + random.nextInt(95)));
          default -> text.setCharAt(at, "{}[]\",:\\0e-".charAt(random.nextInt(11)));
        }
      }
      BatchFile batch = read("p.jsonl", "{\"prompt\": \"first\"}\n" + text + "\n", List.of(1L));
      assertThat(batch.items().size() + batch.badLines().size()).as("%s", text).isEqualTo(2);
    }
  }

  private BatchFile read(String name, String text, List<Long> seeds) throws IOException {
    return BatchFile.read(
        Files.writeString(folder.resolve(name), text),
        new BatchDefaults(
            OPTIONS, seeds.stream().map(BigInteger::valueOf).toList(), null, OutputKind.PICTURE));
  }
}
