package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.zip.CRC32;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResizeTest {
  /**
   * Check sums of what Pillow 12.3 (Lanczos) and PyTorch 2.13 (bicubic, antialiased, of bytes) make
   * of the same picture.
   */
  @ParameterizedTest
  @CsvSource({
    "20, 14, 9, 7, 1be1822a, d9ed2f3a",
    "20, 14, 33, 30, f5a3c80e, 56175105",
    "57, 31, 16, 24, a06cead9, fc07c2f3",
    "16, 16, 16, 8, f7c1ff20, e881ac41"
  })
  void pixelsEqualThoseOfTheLibraries(
      int width, int height, int toWidth, int toHeight, String lanczos, String bicubic) {
    Picture picture = picture(width, height);
    assertThat(sum(Resize.LANCZOS.resize(picture, toWidth, toHeight))).isEqualTo(lanczos);
    assertThat(sum(Resize.BICUBIC.resize(picture, toWidth, toHeight))).isEqualTo(bicubic);
    assertThat(Resize.LANCZOS.resize(picture, width, height)).isSameAs(picture);
  }

  private static Picture picture(int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    for (int y = 0, at = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < 3; c++) {
          rgb[at++] = (byte) (x * 7 + y * 13 + c * 61 + x * y % 29 * 5);
        }
      }
    }
    return new Picture(width, height, rgb);
  }

  private static String sum(Picture picture) {
    CRC32 crc = new CRC32();
    crc.update(picture.rgb());
    return String.format("%08x", crc.getValue());
  }
}
