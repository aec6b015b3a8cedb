package io.jdit.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jdit.media.PictureReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Expected values of the pictures: a NumPy loop over all 11x11 windows with the two-dimensional
 * Gaussian.
 */
class SimilarityTest {
  private static final Path SHAPES = Path.of("src/test/resources/fixtures/shapes");

  @ParameterizedTest
  @CsvSource({
    "0, 1, 0.4143937600679825, 4.69674624965754, 0.1753184651104653, 0.8354245157482377",
    "1, 2, 0.38013662141433113, 6.669952538794278, 0.04341429445248244, 0.7906446096338404"
  })
  void pictures(int first, int second, double ssim, double psnr, double multi, double gradients)
      throws IOException {
    byte[] a = PictureReader.read(SHAPES.resolve(first + ".png")).rgb();
    byte[] b = PictureReader.read(SHAPES.resolve(second + ".png")).rgb();
    assertThat(Ssim.of(a, b, 64, 64)).isCloseTo(ssim, within(1e-10));
    assertThat(Ssim.of(b, a, 64, 64)).isCloseTo(ssim, within(1e-10));
    assertThat(Psnr.of(a, b)).isCloseTo(psnr, within(1e-12));
    assertThat(MultiScaleSsim.of(a, b, 64, 64)).isCloseTo(multi, within(1e-10));
    assertThat(GradientSimilarity.of(a, b, 64, 64)).isCloseTo(gradients, within(1e-10));
  }

  @Test
  void constantPicturesFollowTheLuminanceTerm() {
    byte[] a = filled(100, 12 * 13 * 3);
    byte[] b = filled(220, 12 * 13 * 3);
    double c1 = 2.55 * 2.55;
    double expected = (2 * 100 * 220 + c1) / (100 * 100 + 220 * 220 + c1);
    assertThat(Ssim.of(a, b, 12, 13)).isCloseTo(expected, within(1e-9));
    assertThat(Psnr.of(a, b)).isCloseTo(20 * Math.log10(255.0 / 120), within(1e-12));
  }

  @Test
  void aShiftOfBrightnessIsTheLuminanceTermOfTheLastScale() {
    byte[] a = filled(100, 176 * 176 * 3);
    byte[] b = filled(220, 176 * 176 * 3);
    double c1 = 2.55 * 2.55;
    double luminance = (2 * 100 * 220 + c1) / (100 * 100 + 220 * 220 + c1);
    assertThat(MultiScaleSsim.of(a, b, 176, 176))
        .isCloseTo(Math.pow(luminance, 0.1333), within(2e-5)); // the weights add up to 1.0001
    assertThat(GradientSimilarity.of(a, b, 176, 176)).isEqualTo(1);
  }

  @Test
  void aRampHasOneGradient() {
    byte[] ramp = new byte[32 * 16 * 3];
    for (int i = 0; i < ramp.length; i++) {
      ramp[i] = (byte) (5 * (i / 3 % 32));
    }
    double gradient = 20; // twice two pixels of half size, five each
    assertThat(GradientSimilarity.of(ramp, filled(7, ramp.length), 32, 16))
        .isCloseTo(170 / (gradient * gradient + 170), within(1e-9));
  }

  @Test
  void equalPictures() throws IOException {
    byte[] a = PictureReader.read(SHAPES.resolve("0.png")).rgb();
    assertThat(Ssim.of(a, a.clone(), 64, 64)).isCloseTo(1, within(1e-12));
    assertThat(Psnr.of(a, a.clone())).isInfinite().isPositive();
  }

  @Test
  void unequalSizes() {
    assertThatThrownBy(() -> Psnr.of(new byte[3], new byte[6]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 and 6 samples");
    assertThatThrownBy(() -> Ssim.of(new byte[300], new byte[300], 10, 10))
        .hasMessageContaining("at least 11x11");
    assertThatThrownBy(() -> Ssim.of(new byte[300], new byte[300], 11, 11))
        .hasMessageContaining("expected 363");
  }

  private static byte[] filled(int value, int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }
}
