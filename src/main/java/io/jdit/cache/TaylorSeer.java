package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * TaylorSeer: backward differences of the computed values as derivatives of a Taylor series. One
 * window divides all orders; unequal distances of the computed calls are not corrected, as in the
 * reference.
 */
final class TaylorSeer implements Calibrator {
  /** Before this counter only the value itself is known well enough. */
  private static final int FIRST_DIFFERENCE = 2;

  private final int order;
  private int counter = -1;
  private int anchor = -1;
  private Tensor[] ladder;

  TaylorSeer(int order) {
    this.order = order;
    this.ladder = new Tensor[order + 1];
  }

  @Override
  public void mark() {
    counter++;
  }

  @Override
  public void update(Tensor value) {
    int window = counter - anchor;
    if (ladder[0] != null && !Arrays.equals(ladder[0].shape(), value.shape())) {
      reset();
    }
    Tensor[] next = new Tensor[order + 1];
    next[0] = Calibrator.own(value);
    if (counter >= FIRST_DIFFERENCE) {
      differences(next, ladder, order, window);
    }
    freeLadder();
    ladder = next;
    anchor = counter;
  }

  /** Fills {@code next} from order 1 up as far as {@code earlier} goes. */
  static void differences(Tensor[] next, Tensor[] earlier, int order, int window) {
    for (int i = 0; i < order && earlier[i] != null; i++) {
      try (TensorScope scope = TensorScope.open()) {
        next[i + 1] = Calibrator.own(next[i].sub(earlier[i]).div(window));
      }
    }
  }

  @Override
  public Tensor forecast() {
    return evaluate(ladder, counter - anchor);
  }

  /** The sum of (D_i / i!) t^i over the ladder D. */
  static Tensor evaluate(Tensor[] ladder, int t) {
    if (ladder[0] == null) {
      throw Calibrator.nothingToForecastFrom();
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = ladder[0].alias();
      double factorial = 1;
      double power = 1;
      for (int i = 1; i < ladder.length && ladder[i] != null; i++) {
        factorial *= i;
        power *= t;
        sum = sum.add(ladder[i].mul(1 / factorial).mul(power));
      }
      return scope.keep(sum);
    }
  }

  @Override
  public Tensor newest() {
    return ladder[0];
  }

  @Override
  public Stream<Tensor> held() {
    return ladder == null ? Stream.empty() : Stream.of(ladder);
  }

  @Override
  public void reset() {
    freeLadder();
    ladder = new Tensor[order + 1];
    counter = -1;
    anchor = -1;
  }

  private void freeLadder() {
    for (Tensor difference : ladder) {
      Calibrator.free(difference);
    }
  }
}
