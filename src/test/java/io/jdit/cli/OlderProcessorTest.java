package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pictures where no library uses more than AVX2, against those of this processor: oneDNN has no
 * bfloat16 there.
 */
class OlderProcessorTest {
  private static final int SIZE = 64;

  private static final Map<String, String> AVX2 =
      Map.of("ONEDNN_MAX_CPU_ISA", "AVX2", "ATEN_CPU_CAPABILITY", "avx2", "JDIT_CPU_ISA", "avx2");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"--dtype bfloat16", "--dtype bfloat16 --quantization int8"})
  void drawsTheSame(String options) throws Exception {
    BufferedImage expected = draw("here.png", Map.of(), options);
    BufferedImage found = draw("avx2.png", AVX2, options);
    double squares = 0;
    for (int i = 0; i < SIZE * SIZE * 3; i++) {
      int[] at = {i / 3 % SIZE, i / 3 / SIZE, i % 3};
      int a = expected.getRaster().getSample(at[0], at[1], at[2]);
      int b = found.getRaster().getSample(at[0], at[1], at[2]);
      squares += Math.pow(a - b, 2);
    }
    double psnr = 10 * Math.log10(255 * 255 * SIZE * SIZE * 3 / squares);
    assertThat(psnr).as("PSNR in dB").isGreaterThan(30);
  }

  private BufferedImage draw(String name, Map<String, String> environment, String options)
      throws Exception {
    String line =
        "generate --device cpu --prompt fox --height %d --width %d --num-inference-steps 2 --seed 0"
                .formatted(SIZE, SIZE)
            + " --output-path %s --output-file-name %s %s".formatted(folder, name, options);
    ChildProcess process = ChildProcess.of(folder, environment, line.split(" "));
    assertThat(process.exitCode()).as(process.err()).isZero();
    return ImageIO.read(folder.resolve(name).toFile());
  }
}
