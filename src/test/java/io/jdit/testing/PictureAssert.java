package io.jdit.testing;

import io.jdit.media.Picture;
import io.jdit.tensor.Tensor;
import org.assertj.core.api.Assertions;

/** Compares pictures. */
public final class PictureAssert {
  private PictureAssert() {}

  /**
   * @param expected [1, 3, H, W], 0 to 1
   */
  public static void assertWithinOneLevel(Picture image, Tensor expected) {
    double[] e = expected.toDoubles();
    int pixels = image.width() * image.height();
    Assertions.assertThat(e).hasSize(3 * pixels);
    for (int c = 0; c < 3; c++) {
      for (int i = 0; i < pixels; i++) {
        Assertions.assertThat((image.rgb()[3 * i + c] & 255) - Math.rint(255 * e[c * pixels + i]))
            .isBetween(-1.0, 1.0);
      }
    }
  }
}
