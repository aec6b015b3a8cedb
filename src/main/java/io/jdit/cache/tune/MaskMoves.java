package io.jdit.cache.tune;

import io.jdit.cache.StepMask;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Masks that differ from one in a single step. */
final class MaskMoves {
  /** How far a computed step is moved. */
  private static final int REACH = 2;

  private MaskMoves() {}

  /** Masks with one computed step more, those in the longest gaps first. */
  static List<StepMask> lengthened(StepMask mask) {
    String digits = mask.toString();
    List<StepMask> masks = new ArrayList<>();
    List<Integer> positions = new ArrayList<>();
    for (int i = 1; i < digits.length(); i++) {
      if (!mask.computes(i)) {
        positions.add(i);
      }
    }
    positions.sort(Comparator.comparingInt(i -> -distanceToComputed(mask, i)));
    for (int i : positions) {
      masks.add(with(digits, -1, i));
    }
    return masks;
  }

  /** Distance to the nearer computed step; the end of the mask counts as one. */
  private static int distanceToComputed(StepMask mask, int step) {
    int distance = 1;
    while (!mask.computes(step - distance)
        && step + distance < mask.length()
        && !mask.computes(step + distance)) {
      distance++;
    }
    return distance;
  }

  /** Masks with one computed step less, the last ones first; the first step stays. */
  static List<StepMask> shortened(StepMask mask) {
    String digits = mask.toString();
    List<StepMask> masks = new ArrayList<>();
    for (int i = digits.length() - 1; i > 0; i--) {
      if (mask.computes(i)) {
        masks.add(with(digits, i, -1));
      }
    }
    return masks;
  }

  /** Masks with one computed step elsewhere nearby; the first step stays. */
  static List<StepMask> shifted(StepMask mask) {
    String digits = mask.toString();
    List<StepMask> masks = new ArrayList<>();
    for (int i = 1; i < digits.length(); i++) {
      for (int to = i - REACH; mask.computes(i) && to <= i + REACH; to++) {
        if (to > 0 && to < digits.length() && !mask.computes(to)) {
          masks.add(with(digits, i, to));
        }
      }
    }
    return masks;
  }

  private static StepMask with(String digits, int cleared, int set) {
    StringBuilder changed = new StringBuilder(digits);
    if (cleared >= 0) {
      changed.setCharAt(cleared, '0');
    }
    if (set >= 0) {
      changed.setCharAt(set, '1');
    }
    return StepMask.parse(changed.toString());
  }
}
