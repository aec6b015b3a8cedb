package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * FoCa: forecast from the last computed values, calibrated by the last ones used (computed or
 * forecast). Differences are not divided by the distance of their calls, as in the reference.
 */
final class FoCa implements Calibrator {
  /** Beyond this distance the forecast is drawn back to the last computed value. */
  private static final int REACH = 3;

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
  public void update(Tensor value) {
    if (used != null && !Arrays.equals(used.shape(), value.shape())) {
      reset();
    }
    computedAt = counter;
    Calibrator.free(computedBefore);
    computedBefore = computed;
    computed = Calibrator.own(value);
    use(value);
  }

  private void use(Tensor value) {
    Calibrator.free(usedBefore);
    usedBefore = used;
    used = Calibrator.own(value);
  }

  @Override
  public Tensor forecast() {
    if (computed == null) {
      throw Calibrator.nothingToForecastFrom();
    }
    if (usedBefore == null || computedBefore == null) {
      return computed.alias();
    }
    Tensor value = extrapolate(counter - computedAt);
    use(value);
    return value;
  }

  private Tensor extrapolate(int t) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor trend = computed.sub(computedBefore).add(used.sub(usedBefore));
      if (t <= REACH) {
        return scope.keep(computed.add(trend.mul(t / 2.0)));
      }
      double weight = (double) REACH / t;
      Tensor reached = computed.add(trend.mul(REACH / 2.0));
      return scope.keep(reached.mul(weight).add(computed.mul(1 - weight)));
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
