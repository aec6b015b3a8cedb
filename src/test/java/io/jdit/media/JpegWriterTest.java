package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.metrics.Psnr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JpegWriterTest {
  @TempDir Path temp;

  @Test
  void qualityTradesSizeForLikeness() throws IOException {
    Picture picture = PictureReader.read(Path.of("src/test/resources/fixtures/shapes/0.png"));
    Path fine = temp.resolve("fine.jpg");
    Path coarse = temp.resolve("coarse.jpg");
    JpegWriter.write(fine, picture, 95, "");
    JpegWriter.write(coarse, picture, 10, "");
    assertThat(fine.toFile().length()).isGreaterThan(coarse.toFile().length());
    double fineDecibels = Psnr.of(picture.rgb(), PictureReader.read(fine).rgb());
    assertThat(fineDecibels).isGreaterThan(30);
    assertThat(Psnr.of(picture.rgb(), PictureReader.read(coarse).rgb())).isLessThan(fineDecibels);
  }

  @Test
  void commentIsACommentSegment() throws IOException {
    byte[] jpeg = JpegWriter.encode(new Picture(8, 8, new byte[192]), 75, "seed: 8, Café");
    byte[] text = "seed: 8, Café".getBytes(StandardCharsets.UTF_8);
    // Marker FFFE, then the length of the text and of the length field itself.
    byte[] segment = new byte[4 + text.length];
    segment[0] = (byte) 0xff;
    segment[1] = (byte) 0xfe;
    segment[3] = (byte) (text.length + 2);
    System.arraycopy(text, 0, segment, 4, text.length);
    assertThat(jpeg).containsSequence(segment);
    assertThat(JpegWriter.encode(new Picture(8, 8, new byte[192]), 75, "x".repeat(70_000)))
        .hasSizeGreaterThan(65_000);
  }

  @Test
  void refusesQualitiesOutOfRange() {
    assertThatThrownBy(() -> JpegWriter.encode(new Picture(1, 1, new byte[3]), 101, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("JPEG quality 101");
  }
}
