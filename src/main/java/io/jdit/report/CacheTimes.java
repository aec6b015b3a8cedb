package io.jdit.report;

import io.jdit.cache.CacheStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What steps from the cache cost beside computed ones.
 *
 * @param computedMillis mean of the steps of which no group and branch was served; NaN for none
 * @param cachedMillis mean of the steps of which every group and branch was served; NaN for none
 * @param speedup over a run of computed steps
 */
public record CacheTimes(int steps, double computedMillis, double cachedMillis, double speedup) {
  /**
   * @param groups of all experts, in the order in which they computed: each counts its steps from 0
   * @param stepMillis times of the denoising steps
   */
  public static CacheTimes of(List<CacheStatistics> groups, List<Double> stepMillis) {
    double computed = mean(stepMillis, cachedSteps(groups, false), false);
    double sum = stepMillis.stream().mapToDouble(Double::doubleValue).sum();
    return new CacheTimes(
        stepMillis.size(),
        computed,
        mean(stepMillis, cachedSteps(groups, true), true),
        computed * stepMillis.size() / sum);
  }

  /** True when the run had both kinds of steps. */
  public boolean isComparison() {
    return !Double.isNaN(computedMillis) && !Double.isNaN(cachedMillis);
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "computed step %.1f ms, cached step %.1f ms, speed-up %.2fx of %d computed steps",
        computedMillis,
        cachedMillis,
        speedup,
        steps);
  }

  /** Steps that every group and branch served from the cache, or that any did. */
  private static Set<Integer> cachedSteps(List<CacheStatistics> groups, boolean every) {
    Map<String, Set<Integer>> byExpert = new LinkedHashMap<>();
    Map<String, Integer> firstSteps = new LinkedHashMap<>();
    int next = 0;
    for (CacheStatistics g : groups) {
      if (!firstSteps.containsKey(g.expert())) {
        firstSteps.put(g.expert(), next);
        next += g.executedSteps();
      }
      int first = firstSteps.get(g.expert());
      add(byExpert, g.expert(), g.conditional(), first, every);
      if (g.config().separateCfg()) {
        add(byExpert, g.expert(), g.unconditional(), first, every);
      }
    }
    Set<Integer> all = new TreeSet<>();
    byExpert.values().forEach(all::addAll);
    return all;
  }

  private static void add(
      Map<String, Set<Integer>> byExpert,
      String expert,
      CacheStatistics.Branch branch,
      int first,
      boolean every) {
    Set<Integer> steps = new TreeSet<>();
    branch.cachedSteps().forEach(step -> steps.add(first + step));
    Set<Integer> before = byExpert.putIfAbsent(expert, steps);
    if (before != null && every) {
      before.retainAll(steps);
    } else if (before != null) {
      before.addAll(steps);
    }
  }

  /** The first step, which warms up, is left out. */
  private static double mean(List<Double> millis, Set<Integer> steps, boolean in) {
    double sum = 0;
    int count = 0;
    for (int i = 1; i < millis.size(); i++) {
      if (steps.contains(i) == in) {
        sum += millis.get(i);
        count++;
      }
    }
    return sum / count;
  }
}
