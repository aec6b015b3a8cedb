package io.jdit.cache.tune;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CalibratorKind;
import io.jdit.cache.StepMask;
import io.jdit.cache.StepMaskSource;
import io.jdit.cache.StepsPolicy;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The coarse grid that a search starts from: static masks of a computed head and gaps that stay or
 * widen, and dynamic thresholds, with and without forecasts. All skip everything but the first
 * block.
 */
final class CandidateGrid {
  private static final int LONGEST_HEAD = 4;
  private static final int WIDEST_GAP = 8;

  /** By how much a gap is longer than the one before. */
  private static final double[] WIDENING = {0, 0.5, 1};

  private static final double[] THRESHOLDS = {0.08, 0.12, 0.18, 0.24, 0.35, 0.5};
  private static final int[] CONTINUOUS = {2, 4, 8};
  private static final int[] ORDERS = {0, 1, 2};

  private CandidateGrid() {}

  static List<Values> of(int steps) {
    List<Values> grid = new ArrayList<>();
    for (StepMask mask : masks(steps)) {
      for (int order : ORDERS) {
        grid.add(withOrder(withMask(Values.none(), mask), order));
      }
    }
    for (double threshold : THRESHOLDS) {
      for (int continuous : CONTINUOUS) {
        for (int order : new int[] {0, 1}) {
          grid.add(withOrder(dynamic(threshold, continuous), order));
        }
      }
    }
    return grid;
  }

  private static Set<StepMask> masks(int steps) {
    Set<StepMask> masks = new LinkedHashSet<>();
    for (int head = 1; head <= Math.min(LONGEST_HEAD, steps); head++) {
      for (int gap = 2; gap <= Math.min(WIDEST_GAP, steps); gap++) {
        for (double widening : WIDENING) {
          masks.add(mask(steps, head, gap, widening));
        }
      }
    }
    return masks;
  }

  /**
   * The first {@code head} steps, then one every {@code gap}, {@code gap + widening}, ... steps.
   */
  static StepMask mask(int steps, int head, int gap, double widening) {
    StringBuilder digits = new StringBuilder("0".repeat(steps));
    for (int i = 0; i < head; i++) {
      digits.setCharAt(i, '1');
    }
    double distance = gap;
    for (int i = head - 1 + gap; i < steps; i += (int) Math.round(distance)) {
      digits.setCharAt(i, '1');
      distance += widening;
    }
    return StepMask.parse(digits.toString());
  }

  private static Values dynamic(double threshold, int continuous) {
    return Values.none()
        .with(CacheKeys.FN_COMPUTE_BLOCKS, 1)
        .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, threshold)
        .with(CacheKeys.MAX_WARMUP_STEPS, 3)
        .with(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS, continuous);
  }

  /** The settings with a static mask. */
  static Values withMask(Values settings, StepMask mask) {
    return settings
        .with(CacheKeys.FN_COMPUTE_BLOCKS, 1)
        .with(CacheKeys.STEPS_COMPUTATION_MASK, new StepMaskSource.Explicit(mask))
        .with(CacheKeys.STEPS_COMPUTATION_POLICY, StepsPolicy.STATIC);
  }

  private static Values withOrder(Values settings, int order) {
    return order == 0
        ? settings
        : settings
            .with(CacheKeys.CALIBRATOR, CalibratorKind.TAYLORSEER)
            .with(CacheKeys.ENABLE_ENCODER_CALIBRATOR, true)
            .with(CacheKeys.TAYLORSEER_ORDER, order);
  }
}
