package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.Fixture;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Configuration files as they are published with Qwen-Image, and the commands beside them. */
class PublicFilesTest {
  @TempDir private Path folder;

  /** With the number of steps that the files name. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cache | DBCache_F1B0_W8I2M0MC2_R0.12",
        "scm | SCM",
        "cfg | warning: .* read .enable_sperate_cfg. as .enable_separate_cfg.",
        "attention | picture.png",
        "quantize | quantized transformer: transformer_blocks"
      })
  void aFileRunsAsItIsPrinted(String name, String said) {
    CommandLineRun run = CommandLineRun.of(arguments(name));
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(folder.resolve("picture.png")).isNotEmptyFile();
    assertThat(run.err() + run.out()).containsPattern(said);
    assertThat(run.err().lines().filter(l -> l.contains("warning")).count())
        .isEqualTo(said.contains("warning") ? 1 : 0);
  }

  private String[] arguments(String file) {
    return new String[] {
      "generate",
      "--backend=diffusers",
      "--model-path=" + Fixture.ROOT.resolve("qwen-image-tiny/pipeline"),
      "--cache-dit-config=" + Fixture.ROOT.resolve("public-configs/" + file + ".yaml"),
      "--prompt=A beautiful sunset over the mountains",
      "--negative-prompt=blurry",
      "--num-inference-steps=28",
      "--height=64",
      "--width=64",
      "--device=cpu",
      "--output-path=" + folder,
      "--output-file-name=picture"
    };
  }
}
