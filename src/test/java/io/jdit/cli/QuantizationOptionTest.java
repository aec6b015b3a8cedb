package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.media.PngText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuantizationOptionTest {
  @TempDir private Path temp;

  private CommandLineRun generate(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "generate",
                "--prompt",
                "a red circle",
                "--num-inference-steps",
                "2",
                "--dtype",
                "bfloat16",
                "--output-path",
                temp.resolve("out").toString(),
                "--output-file-name",
                "p.png"));
    args.addAll(List.of(more));
    return CommandLineRun.of(args.toArray(String[]::new));
  }

  /** Blocks of 6 and 4 lists: see models/shapes/README.md. */
  @Test
  void thePictureSaysHowItsModelWasHeld() throws IOException {
    CommandLineRun run = generate("--quantization", "int8", "--quantization-ignored-layers", "ff");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err())
        .contains("quantized transformer: transformer_blocks, single_transformer_blocks")
        .contains("int8_per_row");
    assertThat(PngText.read(temp.resolve("out/p.png")).get("settings"))
        .contains("\"quantization\":{\"quant_type\":\"int8_per_row\",\"exclude_layers\":[\"ff\"]");
  }

  @Test
  void aFileQuantizesWithoutSwitchingTheCacheOn() throws IOException {
    Path file =
        Files.writeString(
            temp.resolve("q.yaml"), "quantize_config: {quant_type: float8_wo, verbose: true}");
    CommandLineRun run = generate("--cache-dit-config", file.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err())
        .contains("float8_weight_only")
        .contains("outside the transformer's blocks")
        .doesNotContain("DBCache");
  }

  @Test
  void mistakesGetOneLineAndLeaveNothing() throws IOException {
    expect("unknown quantization type 'int9'; did you mean 'int8'?", "--quantization", "int9");
    expect("nvfp4 is not supported: it computes in 4 bits", "--quantization", "nvfp4");
    expect("needs --quantization TYPE", "--quantization-ignored-layers", "ff");
    expect(
        "quantization matches no layer of transformer",
        "--quantization",
        "int8",
        "--quantization-ignored-layers",
        "attn,ff,norm,proj");
    if (Files.exists(temp.resolve("out"))) {
      try (Stream<Path> files = Files.list(temp.resolve("out"))) {
        assertThat(files).isEmpty();
      }
    }
  }

  private void expect(String message, String... options) {
    CommandLineRun run = generate(options);
    assertThat(run.err()).contains(message);
    assertThat(run.err().lines().filter(l -> l.startsWith("jdit: "))).hasSize(1);
    assertThat(run.exitCode()).isEqualTo(2);
  }
}
