package io.jdit.quant;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which components of a model are quantized, and how.
 *
 * @param transformers plan of every transformer that has none of its own; null when only other
 *     components, or what a checkpoint holds already, are quantized
 * @param components plans by component name
 * @param verbose whether the reasons of skipped layers are listed
 */
public record QuantizeConfig(
    LayerPlan transformers, Map<String, LayerPlan> components, boolean verbose) {
  public QuantizeConfig {
    components = new LinkedHashMap<>(components);
  }

  /** Nothing. */
  public static QuantizeConfig none() {
    return new QuantizeConfig(null, Map.of(), false);
  }

  /** The blocks of all transformers in one type. */
  public static QuantizeConfig of(QuantType type) {
    return new QuantizeConfig(LayerPlan.of(type), Map.of(), false);
  }

  public boolean isNone() {
    return transformers == null && components.isEmpty();
  }

  /** The plan of a component; null when it stays as it is. */
  public LayerPlan plan(String component) {
    LayerPlan own = components.get(component);
    return own == null && component.startsWith("transformer") ? transformers : own;
  }
}
