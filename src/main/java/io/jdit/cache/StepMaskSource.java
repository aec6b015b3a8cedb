package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.ValueType;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Where the mask of a run comes from; presets and bins become a mask when the steps are known. */
public sealed interface StepMaskSource {
  /** Least steps for which a preset from the environment is used, as in SGLang. */
  int LEAST_ENVIRONMENT_STEPS = 8;

  /**
   * Accepts digits, a list of 0 and 1, a preset's name, or a map of compute_bins and cache_bins.
   */
  ValueType<StepMaskSource> TYPE =
      ValueType.of(
          "a preset (slow, medium, fast, ultra), a list of 0 and 1, their digits in quotes, or"
              + " {compute_bins: [..], cache_bins: [..]}",
          StepMaskSource::fromNode,
          StepMaskSource::fromText,
          StepMaskSource::yaml);

  /**
   * The mask for a run of {@code steps}, or null for none.
   *
   * @param steps null when unknown
   * @throws ConfigException when the steps are needed and unknown, or the mask does not cover them
   */
  StepMask resolve(Integer steps);

  /**
   * The mask for a part of a run, for example the steps that one of two transformers takes.
   *
   * @param configured steps that the settings name, null for none: a preset that has no form for so
   *     few steps as there are takes its form for these, and its beginning is used
   */
  default StepMask resolve(int steps, Integer configured) {
    return resolve(steps);
  }

  /** The source as YAML. */
  String yaml();

  /** A mask given step by step. */
  record Explicit(StepMask mask) implements StepMaskSource {
    @Override
    public StepMask resolve(Integer steps) {
      if (steps != null && mask.length() < steps) {
        throw new ConfigException(
            ("steps_computation_mask %s covers %s steps, the run has %s: lengthen it or use a "
                    + "preset")
                .formatted(mask, mask.length(), steps));
      }
      return mask;
    }

    @Override
    public String yaml() {
      return "'" + mask + "'";
    }
  }

  /**
   * A preset.
   *
   * @param optional below 8 steps there is no mask instead of a short or impossible one
   */
  record Preset(MaskPreset preset, boolean optional) implements StepMaskSource {
    @Override
    public StepMask resolve(Integer steps) {
      if (steps == null) {
        throw new ConfigException(
            "steps_computation_mask "
                + preset.text()
                + " needs the number of steps: set num_inference_steps");
      }
      if (optional && steps < LEAST_ENVIRONMENT_STEPS) {
        return null;
      }
      return StepMask.ofPreset(preset, steps);
    }

    @Override
    public StepMask resolve(int steps, Integer configured) {
      boolean longer = configured != null && configured > steps && !MaskPreset.fits(steps);
      return resolve(longer ? configured : (Integer) steps);
    }

    @Override
    public String yaml() {
      return preset.text();
    }
  }

  /** Alternating computed and cached runs. */
  record Bins(List<Integer> compute, List<Integer> cache) implements StepMaskSource {
    public Bins {
      compute = List.copyOf(compute);
      cache = List.copyOf(cache);
    }

    @Override
    public StepMask resolve(Integer steps) {
      return StepMask.ofBins(compute, cache, steps);
    }

    @Override
    public String yaml() {
      return "{compute_bins: " + compute + ", cache_bins: " + cache + "}";
    }
  }

  private static StepMaskSource fromNode(JsonNode node) {
    if (node.isString()) {
      return fromText(node.stringValue());
    }
    if (node.isArray()) {
      return fromDigits(node);
    }
    if (node.isIntegralNumber()) {
      String digits = node.toString();
      return digits.matches("[01]+") ? fromText(digits) : null;
    }
    if (node.isObject() && node.size() == 2 && node.has("compute_bins") && node.has("cache_bins")) {
      var bins = ValueType.integersAtLeast(0);
      List<Integer> compute = bins.readOrNull(node.get("compute_bins"));
      List<Integer> cache = bins.readOrNull(node.get("cache_bins"));
      return compute == null || cache == null ? null : new Bins(compute, cache);
    }
    return null;
  }

  private static StepMaskSource fromText(String text) {
    if (!text.isEmpty() && text.chars().allMatch(c -> c == '0' || c == '1')) {
      return new Explicit(StepMask.parse(text));
    }
    MaskPreset preset = MaskPreset.find(text);
    return preset == null ? null : new Preset(preset, false);
  }

  private static StepMaskSource fromDigits(JsonNode list) {
    List<String> digits = new ArrayList<>();
    for (JsonNode item : list) {
      if (!item.isInt() || item.intValue() < 0 || item.intValue() > 1) {
        return null;
      }
      digits.add(item.toString());
    }
    return new Explicit(StepMask.parse(String.join("", digits)));
  }
}
