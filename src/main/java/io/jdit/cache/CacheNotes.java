package io.jdit.cache;

import io.jdit.config.Values;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a user should know of a cache that does nothing, or other than its file says: one line each,
 * with the way out.
 */
public final class CacheNotes {
  private CacheNotes() {}

  /**
   * What can be told before a generation.
   *
   * @param own the configuration of the outline's expert
   */
  public static List<String> before(ResolvedCacheConfig own, Acceleration.Outline outline) {
    List<String> notes = new ArrayList<>();
    String base = add(notes, own.settings(), outline, outline.expert());
    for (int i = 0; i < own.perBlockGroup().size(); i++) {
      Values group = own.perBlockGroup().get(i).over(own.settings());
      List<String> ofGroup = new ArrayList<>();
      String reason = add(ofGroup, group, outline, "block group " + i + " of " + outline.expert());
      if (reason != null && !reason.equals(base)) {
        notes.addAll(ofGroup);
      }
    }
    return notes;
  }

  /** Adds notes and returns why nothing can be cached; null when something can. */
  private static String add(
      List<String> notes, Values settings, Acceleration.Outline outline, String place) {
    CacheConfig config = CacheConfig.of(settings).forGeneration(outline.steps(), outline.calls());
    if (config.type() == CacheType.FORECAST) {
      return null;
    }
    int steps = config.numInferenceSteps();
    StepMask mask = config.stepsComputationMask();
    Integer madeFor = settings.get(CacheKeys.NUM_INFERENCE_STEPS);
    if (mask != null && madeFor != null && madeFor != steps) {
      notes.add(
          "steps_computation_mask %s was made for num_inference_steps %s; for the %s steps of %s it is %s"
              .formatted(
                  settings.get(CacheKeys.STEPS_COMPUTATION_MASK).yaml(),
                  madeFor,
                  steps,
                  place,
                  mask));
    }
    String reason = reason(config, steps);
    if (reason != null) {
      notes.add("the cache of " + place + " cannot serve any step: " + reason);
    }
    return reason;
  }

  /**
   * What turned out in a generation. What {@link #before} told is not said again.
   *
   * @param groups of all experts
   */
  public static List<String> after(List<CacheStatistics> groups) {
    List<String> notes = new ArrayList<>();
    for (CacheStatistics group : groups) {
      CacheConfig config = group.config();
      Integer steps = config.numInferenceSteps();
      String place = group.group() + " of " + group.expert();
      if (config.fnComputeBlocks() + config.bnComputeBlocks() == group.blocks()) {
        notes.add(
            "the cache saves nothing: F %s and B %s leave none of the %s blocks of %s to skip, lower --Fn or --Bn"
                .formatted(
                    config.fnComputeBlocks(), config.bnComputeBlocks(), group.blocks(), place));
      } else if (steps != null && reason(config, steps) == null && !hit(group)) {
        notes.add("the cache of " + place + " served no step: " + measured(group));
      }
    }
    return notes;
  }

  private static boolean hit(CacheStatistics group) {
    return !group.conditional().cachedSteps().isEmpty()
        || !group.unconditional().cachedSteps().isEmpty();
  }

  /** Why the settings exclude every step of a generation; null when they do not. */
  private static String reason(CacheConfig config, int steps) {
    StepMask mask = config.stepsComputationMask();
    if (steps < 2) {
      return "a single step has none before it";
    }
    if (mask != null && mask.computedWithin(steps) == steps) {
      return "its mask %s has no 0, choose a preset with --scm or add zeros".formatted(mask);
    }
    if (mask != null && config.stepsComputationPolicy() == StepsPolicy.STATIC) {
      return null;
    }
    int warmup =
        mask == null
            ? config.maxWarmupSteps()
            : Math.min(config.maxWarmupSteps(), mask.leadingComputed());
    if (IntStream.range(1, steps).noneMatch(s -> s >= warmup || s % config.warmupInterval() != 0)) {
      return "max_warmup_steps %s is not below the %s steps, lower --warmup-steps"
          .formatted(config.maxWarmupSteps(), steps);
    }
    if (config.residualDiffThreshold() <= 0) {
      return "residual_diff_threshold %s is not above 0, raise --rdt"
          .formatted(config.residualDiffThreshold());
    }
    if (config.maxCachedSteps() == 0) {
      return "max_cached_steps is 0, raise --max-cached-steps or set -1 for no limit";
    }
    return config.maxContinuousCachedSteps() == 0
        ? "max_continuous_cached_steps is 0, raise --max-continuous-cached-steps or set -1 for no"
            + " limit"
        : null;
  }

  /** Why nothing was cached, by the differences that were measured. */
  private static String measured(CacheStatistics group) {
    Map.Entry<Integer, Double> least =
        Stream.of(group.conditional(), group.unconditional())
            .flatMap(branch -> branch.residualDiffs().entrySet().stream())
            .flatMap(e -> e.getValue().stream().map(d -> Map.entry(e.getKey(), d)))
            .filter(e -> e.getValue() >= 0)
            .min(Map.Entry.comparingByValue())
            .orElse(null);
    return least == null
        ? "no two steps could be compared"
        : String.format(
            Locale.ROOT,
            "the least residual difference, %.3g at step %s, is not below residual_diff_threshold"
                + " %s, raise --rdt above it",
            least.getValue(),
            least.getKey(),
            group.config().residualDiffThreshold());
  }
}
