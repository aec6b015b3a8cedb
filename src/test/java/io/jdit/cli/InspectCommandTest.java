package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How far pictures are from each other. */
class InspectCommandTest {
  @TempDir private Path folder;

  private Path picture(String name, int width, int first) throws IOException {
    byte[] rgb = new byte[3 * width * 4];
    rgb[0] = (byte) first;
    Path file = folder.resolve(name);
    PngWriter.write(file, new Picture(width, 4, rgb), Map.of());
    return file;
  }

  @Test
  void tellsTheDistanceOfPictures() throws IOException {
    Path a = picture("a.png", 4, 0);
    Path b = picture("b.png", 4, 51);
    CommandLineRun run = CommandLineRun.of("inspect", a.toString(), "--against", b.toString());
    // 10 log10(255^2 * 48 / 51^2)
    assertThat(run.out()).isEqualTo("PSNR 30.8 dB, largest difference 51 of 255\n");
    assertThat(run.exitCode()).isEqualTo(ExitCode.OK);
    String[] least = {"inspect", a.toString(), "--against", b.toString(), "--psnr-at-least", "31"};
    assertThat(CommandLineRun.of(least).exitCode()).isEqualTo(ExitCode.FAILED);
    least[5] = "30.7";
    assertThat(CommandLineRun.of(least).exitCode()).isEqualTo(ExitCode.OK);
  }

  @Test
  void refusesWhatCannotBeCompared() throws IOException {
    Path a = picture("a.png", 4, 0);
    Path wide = picture("wide.png", 8, 0);
    CommandLineRun run = CommandLineRun.of("inspect", a.toString(), "--against", wide.toString());
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("only pictures of one size can be compared");
    CommandLineRun alone = CommandLineRun.of("inspect", a.toString(), "--psnr-at-least", "3");
    assertThat(alone.err()).contains("--psnr-at-least needs --against");
  }
}
