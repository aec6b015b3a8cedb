package io.jdit.cache;

import io.jdit.kernels.CacheKernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
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
  private List<Tensor> ladder = List.of();

  TaylorSeer(int order) {
    this.order = order;
  }

  @Override
  public void mark() {
    counter++;
  }

  @Override
  public void update(Tensor after, Tensor before) {
    int window = counter - anchor;
    if (newest() != null && !Arrays.equals(newest().shape(), after.shape())) {
      reset();
    }
    List<Tensor> earlier = counter >= FIRST_DIFFERENCE ? ladder : List.of();
    List<Tensor> next = ladder(after, before, earlier, order, window);
    ladder.forEach(Tensor::close);
    ladder = next;
    anchor = counter;
  }

  /**
   * The value and its differences from {@code earlier}, as far as that goes; no scope closes them.
   */
  static List<Tensor> ladder(
      Tensor after, Tensor before, List<Tensor> earlier, int order, int window) {
    List<Tensor> next = CacheKernels.taylorUpdate(after, before, earlier, order, window);
    next.forEach(TensorScope::detach);
    return next;
  }

  @Override
  public Tensor forecast(Tensor base) {
    if (ladder.isEmpty()) {
      throw Calibrator.nothingToForecastFrom();
    }
    return CacheKernels.taylorEval(ladder, base, counter - anchor);
  }

  @Override
  public Tensor newest() {
    return ladder.isEmpty() ? null : ladder.get(0);
  }

  @Override
  public Stream<Tensor> held() {
    return ladder.stream();
  }

  @Override
  public void reset() {
    ladder.forEach(Tensor::close);
    ladder = List.of();
    counter = -1;
    anchor = -1;
  }
}
