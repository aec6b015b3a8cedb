package io.jdit.cache;

import io.jdit.kernels.CacheKernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Dynamic mode decomposition of the newest equally spaced snapshots; a Taylor ladder stands in
 * while there are fewer than four of them. One fit serves all forecasts until the next snapshot.
 */
final class Dmd implements Calibrator {
  private static final int LEAST_SNAPSHOTS = 4;

  private record Snapshot(int counter, Tensor value) {}

  private final CalibratorConfig.Dmd config;
  private final Deque<Snapshot> snapshots = new ArrayDeque<>();
  private int counter = -1;
  private int anchor = -1;
  private List<Tensor> ladder = List.of();
  private List<Tensor> ladderBefore = List.of();
  private List<DmdFit> fits;

  Dmd(CalibratorConfig.Dmd config) {
    this.config = config;
  }

  @Override
  public void mark() {
    counter++;
  }

  @Override
  public void update(Tensor after, Tensor before) {
    if (!snapshots.isEmpty() && !Arrays.equals(newest().shape(), after.shape())) {
      reset();
    }
    updateLadder(after, before);
    snapshots.addLast(new Snapshot(counter, Calibrator.own(ladder.get(0))));
    if (snapshots.size() > config.history()) {
      snapshots.removeFirst().value().close();
    }
    dropFits();
  }

  private void updateLadder(Tensor after, Tensor before) {
    int window = counter - anchor;
    // The reference differs against the ladder before the previous one, yet divides by one window.
    List<Tensor> earlier = config.fallback().doubledSlope() ? ladderBefore : ladder;
    List<Tensor> next =
        TaylorSeer.ladder(
            after,
            before,
            counter > 1 && window > 0 ? earlier : List.of(),
            config.fallback().order(),
            window);
    ladderBefore.forEach(Tensor::close);
    ladderBefore = ladder;
    ladder = next;
    anchor = counter;
  }

  @Override
  public Tensor forecast(Tensor base) {
    if (snapshots.isEmpty()) {
      throw Calibrator.nothingToForecastFrom();
    }
    List<Snapshot> tail = equallySpacedTail();
    if (tail.size() < LEAST_SNAPSHOTS) {
      return CacheKernels.taylorEval(ladder, base, counter - anchor);
    }
    if (fits == null) {
      fits = fit(tail);
    }
    int spacing = tail.get(1).counter() - tail.get(0).counter();
    double horizon = (double) (counter - snapshots.getLast().counter()) / spacing;
    try (TensorScope scope = TensorScope.open()) {
      Tensor value = evaluate(horizon);
      return scope.keep(Calibrator.plus(value == null ? newest() : value, base));
    }
  }

  /** The longest suffix of the snapshots with equal distances; empty for fewer than two. */
  private List<Snapshot> equallySpacedTail() {
    List<Snapshot> all = new ArrayList<>(snapshots);
    int last = all.size() - 1;
    if (last < 1) {
      return List.of();
    }
    int spacing = all.get(last).counter() - all.get(last - 1).counter();
    int first = last - 1;
    while (first > 0 && all.get(first).counter() - all.get(first - 1).counter() == spacing) {
      first--;
    }
    return all.subList(first, last + 1);
  }

  /** One fit per item of axis 0; an entry is null where that item has none. */
  private List<DmdFit> fit(List<Snapshot> tail) {
    List<DmdFit> result = new ArrayList<>();
    for (int item = 0; item < items(); item++) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor[] columns = new Tensor[tail.size()];
        for (int i = 0; i < columns.length; i++) {
          columns[i] = flatItem(tail.get(i).value(), item).to(DType.FLOAT64);
        }
        result.add(DmdFit.of(Tensor.stack(1, columns), config));
      }
    }
    return result;
  }

  private int items() {
    Tensor newest = newest();
    return newest.dim() > 1 ? (int) newest.size(0) : 1;
  }

  private static Tensor flatItem(Tensor value, int item) {
    return value.dim() > 1 ? value.select(0, item).reshape(-1) : value.reshape(-1);
  }

  /** Null when an item has no fit or the result is not finite in the dtype of the values. */
  private Tensor evaluate(double horizon) {
    if (fits.contains(null)) {
      return null;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] items = new Tensor[fits.size()];
      for (int i = 0; i < items.length; i++) {
        items[i] = fits.get(i).evaluate(horizon);
      }
      Tensor newest = newest();
      Tensor value = Tensor.stack(0, items).to(newest.dtype()).reshape(newest.shape());
      return value.isFinite() ? scope.keep(value) : null;
    }
  }

  @Override
  public Tensor newest() {
    return snapshots.isEmpty() ? null : snapshots.getLast().value();
  }

  @Override
  public Stream<Tensor> held() {
    return Stream.of(
            snapshots.stream().map(Snapshot::value), ladder.stream(), ladderBefore.stream())
        .flatMap(s -> s);
  }

  @Override
  public void reset() {
    dropFits();
    snapshots.forEach(s -> s.value().close());
    snapshots.clear();
    ladder.forEach(Tensor::close);
    ladderBefore.forEach(Tensor::close);
    ladder = List.of();
    ladderBefore = List.of();
    counter = -1;
    anchor = -1;
  }

  private void dropFits() {
    if (fits != null) {
      for (DmdFit fit : fits) {
        if (fit != null) {
          fit.close();
        }
      }
      fits = null;
    }
  }
}
