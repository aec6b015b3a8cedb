package io.jdit.testing;

import io.jdit.tensor.Tensor;
import java.util.Arrays;
import org.assertj.core.api.AbstractAssert;

/** Compares tensors by the largest deviation, relative to the largest magnitude expected. */
public final class TensorAssert extends AbstractAssert<TensorAssert, Tensor> {
  private TensorAssert(Tensor actual) {
    super(actual, TensorAssert.class);
  }

  public static TensorAssert assertThat(Tensor actual) {
    return new TensorAssert(actual);
  }

  /** Largest |actual - expected| at most {@code tolerance} times the largest |expected|. */
  public TensorAssert isCloseTo(Tensor expected, double tolerance) {
    isNotNull();
    if (!Arrays.equals(actual.shape(), expected.shape())) {
      throw failure(
          "shape %s, expected %s",
          Arrays.toString(actual.shape()), Arrays.toString(expected.shape()));
    }
    double[] a = actual.toDoubles();
    double[] e = expected.toDoubles();
    double largest = 0;
    double worst = -1;
    int at = -1;
    for (int i = 0; i < e.length; i++) {
      largest = Math.max(largest, Math.abs(e[i]));
      double deviation = Math.abs(a[i] - e[i]);
      if (!(deviation <= worst)) {
        worst = deviation;
        at = i;
      }
    }
    if (!(worst <= tolerance * largest)) {
      throw failure(
          "%s deviates by %.3g at element %d (found %.7g, expected %.7g), allowed %.3g of max %.5g",
          info.hasDescription() ? info.descriptionText() : "tensor",
          worst,
          at,
          a[at],
          e[at],
          tolerance,
          largest);
    }
    return this;
  }

  /** Peak signal-to-noise ratio in dB; the peak is the largest |expected|. */
  public TensorAssert hasPsnrAbove(double decibels, Tensor expected) {
    isNotNull();
    double[] a = actual.toDoubles();
    double[] e = expected.toDoubles();
    double square = 0;
    double peak = 0;
    for (int i = 0; i < e.length; i++) {
      square += (a[i] - e[i]) * (a[i] - e[i]);
      peak = Math.max(peak, Math.abs(e[i]));
    }
    double psnr = 10 * Math.log10(peak * peak / (square / e.length));
    if (!(psnr > decibels)) {
      throw failure("PSNR %.2f dB, expected more than %.2f", psnr, decibels);
    }
    return this;
  }
}
