package io.jdit.cache;

import io.jdit.kernels.CacheKernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * FoCa: forecast from the last computed values, calibrated by the last ones used (computed or
 * forecast). Differences are not divided by the distance of their calls, as in the reference.
 */
final class FoCa implements Calibrator {
  private int counter = -1;
  private int computedAt = -1;
  private Tensor computed;
  private Tensor computedBefore;
  private Tensor used;
  private Tensor usedBefore;

  @Override
  public void mark() {
    counter++;
  }

  @Override
  public void update(Tensor after, Tensor before) {
    if (used != null && !Arrays.equals(used.shape(), after.shape())) {
      reset();
    }
    computedAt = counter;
    Calibrator.free(computedBefore);
    computedBefore = computed;
    computed = Calibrator.value(after, before);
    use(computed);
  }

  private void use(Tensor value) {
    Calibrator.free(usedBefore);
    usedBefore = used;
    used = Calibrator.own(value);
  }

  @Override
  public Tensor forecast(Tensor base) {
    if (computed == null) {
      throw Calibrator.nothingToForecastFrom();
    }
    if (usedBefore == null || computedBefore == null) {
      return Calibrator.plus(computed, base);
    }
    try (TensorScope scope = TensorScope.open()) {
      CacheKernels.Forecast forecast =
          CacheKernels.focaEval(
              computed, computedBefore, used, usedBefore, base, counter - computedAt);
      use(forecast.value());
      return scope.keep(base == null ? forecast.value().copy() : forecast.sum());
    }
  }

  @Override
  public Tensor newest() {
    return computed;
  }

  @Override
  public Stream<Tensor> held() {
    return Stream.of(computed, computedBefore, used, usedBefore);
  }

  @Override
  public void reset() {
    for (Tensor t : new Tensor[] {computed, computedBefore, used, usedBefore}) {
      Calibrator.free(t);
    }
    computed = null;
    computedBefore = null;
    used = null;
    usedBefore = null;
    counter = -1;
    computedAt = -1;
  }
}
