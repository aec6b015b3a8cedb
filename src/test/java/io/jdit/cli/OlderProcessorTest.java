package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures where no library uses more than AVX2: oneDNN has no bfloat16 there. */
class OlderProcessorTest {
  private static final Map<String, String> AVX2 =
      Map.of("ONEDNN_MAX_CPU_ISA", "AVX2", "ATEN_CPU_CAPABILITY", "avx2", "JDIT_CPU_ISA", "avx2");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"", "--quantization int8"})
  void drawsInBfloat16(String options) throws Exception {
    Path picture = folder.resolve("picture.png");
    String line =
        "generate --dtype bfloat16 --device cpu --prompt fox --height 64 --width 64"
            + " --num-inference-steps 1 --output-path %s %s".formatted(picture, options);
    ChildProcess process = ChildProcess.of(folder, AVX2, line.strip().split(" +"));
    assertThat(process.exitCode()).as(process.err()).isZero();
    assertThat(Files.size(picture)).isPositive();
  }
}
