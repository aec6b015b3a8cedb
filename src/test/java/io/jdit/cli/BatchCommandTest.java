package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.engine.batch.BatchCount;
import io.jdit.engine.batch.Manifest;
import io.jdit.media.PictureReader;
import io.jdit.media.PngText;
import io.jdit.testing.Fixture;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code generate --prompt-path} inside this process. */
class BatchCommandTest {
  private static final FileTime LONG_AGO = FileTime.from(Instant.parse("2020-01-01T00:00:00Z"));

  @TempDir private Path folder;
  private Path prompts;
  private Path out;

  @BeforeEach
  void paths() {
    prompts = folder.resolve("prompts.jsonl");
    out = folder.resolve("out");
  }

  @Test
  void badLinesAreReportedFirstAndTheRestIsDrawn() throws IOException {
    Files.writeString(
        prompts,
        """
        {"prompt": "a red circle", "output_file_name": "red"}
        {"prompt": "a", "num_infrence_steps": 2}
        {"prompt": "a", "height": 100}
        {"prompt": "a blue star", "seed": 3, "num_outputs_per_prompt": 2}
        """);
    CommandLineRun run = batch();
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .contains(
            "jdit: "
                + prompts
                + " line 2: unknown key 'num_infrence_steps'; did you mean 'num_inference_steps'?")
        .contains("jdit: " + prompts + " line 3: height 100 is not a multiple of 8: use 96 or 104")
        .contains("0/5 done, 2 failed")
        .containsOnlyOnce("3/5 done, 2 failed");
    assertThat(run.out().lines())
        .containsExactly(
            out.resolve("red.png").toString(),
            out.resolve("00004_a_blue_star_0.png").toString(),
            out.resolve("00004_a_blue_star_1.png").toString());
    List<JsonNode> manifest = manifest();
    assertThat(manifest).extracting(n -> n.path("line").asInt()).containsExactly(1, 4, 4);
    assertThat(manifest).extracting(n -> n.path("image").asInt()).containsExactly(0, 0, 1);
    JsonNode last = manifest.get(2);
    assertThat(last.path("path").asString()).isEqualTo("00004_a_blue_star_1.png");
    assertThat(last.path("sha256").asString())
        .isEqualTo(Manifest.sha256(out.resolve("00004_a_blue_star_1.png")));
    assertThat(last.path("seconds").asDouble()).isPositive();
    assertThat(last.at("/settings/seed").asInt()).isEqualTo(3);
    assertThat(last.at("/settings/prompt").asString()).isEqualTo("a blue star");
    assertThat(last.at("/settings/num_inference_steps").asInt()).isEqualTo(1);
    assertThat(PngText.read(out.resolve("red.png"))).containsEntry("prompt", "a red circle");
  }

  @Test
  void resumeMakesWhatIsMissingChangedOrSetDifferently() throws IOException {
    Files.writeString(
        prompts,
        """
        {"prompt": "same", "output_file_name": "0"}
        {"prompt": "missing", "output_file_name": "1"}
        {"prompt": "changed", "output_file_name": "2"}
        {"prompt": "other settings", "output_file_name": "3"}
        """);
    assertThat(batch().exitCode()).isZero();
    byte[] missing = Files.readAllBytes(out.resolve("1.png"));
    byte[] changed = Files.readAllBytes(out.resolve("2.png"));
    Files.delete(out.resolve("1.png"));
    Files.write(out.resolve("2.png"), new byte[] {1});
    for (int i : new int[] {0, 2, 3}) {
      Files.setLastModifiedTime(out.resolve(i + ".png"), LONG_AGO);
    }
    Files.writeString(
        prompts,
        Files.readString(prompts).replace("\"other settings\"", "\"other settings\", \"seed\": 9"));
    CommandLineRun run = batch("--resume");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).contains("1/4 done").contains("4/4 done").doesNotContain("failed");
    assertThat(Files.getLastModifiedTime(out.resolve("0.png"))).isEqualTo(LONG_AGO);
    assertThat(Files.readAllBytes(out.resolve("1.png"))).isEqualTo(missing);
    assertThat(Files.readAllBytes(out.resolve("2.png"))).isEqualTo(changed);
    assertThat(PngText.read(out.resolve("3.png"))).containsEntry("seed", "9");
    // The first two runs' lines of 1 and 2 say the same, and stand once.
    assertThat(manifest())
        .extracting(n -> n.path("path").asString())
        .containsExactly("0.png", "1.png", "2.png", "3.png", "3.png");

    CommandLineRun again = batch("--resume");
    assertThat(again.exitCode()).isZero();
    assertThat(again.out()).isEmpty();
    assertThat(manifest()).hasSize(5);
  }

  /** Every parameter of a request counts in a batch, and a change of any is seen. */
  @Test
  void negativePromptsAndSecondPrompts() throws IOException {
    Files.writeString(
        prompts,
        """
        {"prompt": "a red circle", "prompt_2": "", "output_file_name": "empty"}
        {"prompt": "a red circle", "output_file_name": "absent"}
        {"prompt": "a red circle", "prompt_2": "blue", "output_file_name": "second"}
        """);
    String[] options = {
      "--model-path",
      Fixture.ROOT.resolve("flux1-dev-tiny/pipeline").toString(),
      "--height=64",
      "--width=64",
      "--max-sequence-length=24",
      "--true-cfg-scale=3",
      "--negative-prompt=blurry",
      "--negative-prompt-2=watermark text"
    };
    assertThat(batch(options).exitCode()).isZero();
    assertThat(picture("empty")).isEqualTo(picture("absent"));
    assertThat(picture("second")).isNotEqualTo(picture("absent"));
    assertThat(manifest().get(0).path("settings").path("negative_prompt_2").asString())
        .isEqualTo("watermark text");
    byte[] both = picture("second");
    assertThat(batch(with(options, "--resume")).out()).isEmpty();

    options[options.length - 1] = "--negative-prompt-2=grain";
    assertThat(batch(with(options, "--resume")).out().lines()).hasSize(3);
    assertThat(picture("second")).isNotEqualTo(both);
    List<String> single = new ArrayList<>(List.of("generate", "--prompt=a red circle"));
    single.addAll(List.of("--prompt-2=blue", "--output-file-name=single", "--device=cpu"));
    single.addAll(List.of("--num-inference-steps=1", "--output-path=" + out));
    single.addAll(List.of(options));
    assertThat(CommandLineRun.of(single.toArray(String[]::new)).exitCode()).isZero();
    assertThat(picture("single")).isEqualTo(picture("second"));
  }

  private static String[] with(String[] options, String one) {
    return Stream.concat(Arrays.stream(options), Stream.of(one)).toArray(String[]::new);
  }

  private byte[] picture(String name) throws IOException {
    return PictureReader.read(out.resolve(name + ".png")).rgb();
  }

  @Test
  void optionsThatDoNotGoWithABatch() throws IOException {
    Files.writeString(prompts, "{\"prompt\": \"a\"}\n");
    assertThat(batch("--prompt", "b").err()).contains("--prompt and --prompt-path exclude");
    assertThat(batch("--save-latents", folder.resolve("l").toString()).err())
        .contains("--save-latents writes one file");
    CommandLineRun run = CommandLineRun.of("generate", "--prompt", "a", "--resume");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("give --prompt-path");
  }

  @Test
  void aFileOfBadLinesLoadsNoModel() throws IOException {
    Files.writeString(prompts, "{}\n");
    CommandLineRun run = batch("--model-path", "nowhere/at-all");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("line 1: the key 'prompt' is missing").doesNotContain("hub");
  }

  @Test
  void theProgressLine() {
    Terminal terminal =
        Terminal.of(
            new PrintWriter(new StringWriter()),
            new PrintWriter(new StringWriter()),
            true,
            Map.of());
    BatchDisplay display = new BatchDisplay(terminal);
    assertThat(display.text(new BatchCount(64, 12, 3, 2), 20))
        .isEqualTo("12/64 done, 3 failed, ETA 1:38");
    assertThat(new BatchDisplay(terminal).text(new BatchCount(9000, 2, 0, 0), 4))
        .isEqualTo("2/9000 done, ETA 4:59:56");
    assertThat(new BatchDisplay(terminal).text(new BatchCount(4, 4, 0, 0), 4))
        .isEqualTo("4/4 done");
  }

  private CommandLineRun batch(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "generate",
                "--prompt-path",
                prompts.toString(),
                "--output-path",
                out.toString(),
                "--num-inference-steps",
                "1",
                "--device",
                "cpu"));
    args.addAll(List.of(more));
    return CommandLineRun.of(args.toArray(String[]::new));
  }

  private List<JsonNode> manifest() throws IOException {
    return Files.readAllLines(out.resolve(Manifest.FILE_NAME)).stream()
        .map(l -> JsonMapper.shared().readTree(l))
        .toList();
  }
}
