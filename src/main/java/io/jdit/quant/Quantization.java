package io.jdit.quant;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.nn.LinearFormat;
import io.jdit.pipeline.LinearFormats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The formats of a model's linear layers as its checkpoint and the settings have them, and what was
 * made of each layer.
 */
public final class Quantization implements LinearFormats {
  private final QuantizeConfig config;
  private final Map<String, StoredLayers> stored;
  private final Map<String, ComponentReport> reports = new LinkedHashMap<>();

  private Quantization(QuantizeConfig config, Map<String, StoredLayers> stored) {
    this.config = config;
    this.stored = stored;
  }

  /** What settings ask for, of a model that is yet to be found. */
  public static LinearFormats of(QuantizeConfig config) {
    return config.isNone() ? LinearFormats.dense() : new Quantization(config, Map.of());
  }

  /**
   * {@code formats} for a model: with the types that its checkpoint holds already.
   *
   * @param variant of the weights, such as {@code fp16}; empty for none
   * @throws IllegalArgumentException when a component is to be quantized that the model lacks
   * @throws ModelFormatException when a checkpoint is quantized in a way that is not supported
   */
  public static LinearFormats at(ModelFolder model, String variant, LinearFormats formats) {
    Map<String, StoredLayers> stored = new LinkedHashMap<>();
    for (String component : model.components().keySet()) {
      StoredLayers layers = StoredLayers.in(model.path().resolve(component), variant);
      if (!layers.isEmpty()) {
        stored.put(component, layers);
      }
    }
    if (!(formats instanceof Quantization asked)) {
      return stored.isEmpty() ? formats : new Quantization(QuantizeConfig.none(), stored);
    }
    for (String component : asked.config.components().keySet()) {
      if (!model.components().containsKey(component)) {
        throw new IllegalArgumentException(
            "components_to_quantize: "
                + model.path()
                + " has no "
                + component
                + ", it has "
                + String.join(", ", model.components().keySet()));
      }
    }
    return new Quantization(asked.config, stored);
  }

  /** The same with no layer counted. */
  public Quantization afresh() {
    return new Quantization(config, stored);
  }

  /** Components whose checkpoint is quantized. */
  public boolean isStored(String component) {
    return stored.containsKey(component) && stored.get(component).isQuantized();
  }

  /** Components that are quantized while they are read. */
  public boolean isMadeHere(String component) {
    return !isStored(component) && config.plan(component) != null;
  }

  @Override
  public LinearFormat of(String component) {
    boolean here = isStored(component);
    LayerPlan plan = here ? null : config.plan(component);
    if (plan == null && !here) {
      return LinearFormat.dense();
    }
    ComponentReport report =
        reports.computeIfAbsent(
            component, name -> new ComponentReport(name, plan, config.verbose()));
    return here ? stored.get(component).format(report) : new QuantizedFormat(plan, report);
  }

  /** What was made of the layers, by component. */
  public Map<String, ComponentReport> reports() {
    return reports;
  }

  /**
   * Checks a model that is built: every plan quantized something.
   *
   * @throws IllegalArgumentException naming the component and why it did not
   */
  public void require() {
    for (String component : config.components().keySet()) {
      if (!reports.containsKey(component)) {
        throw new IllegalArgumentException(
            "components_to_quantize: "
                + component
                + " has no layers that can be quantized; those of "
                + String.join(", ", reports.keySet())
                + " can");
      }
    }
    reports.forEach(
        (component, report) -> {
          if (!isStored(component)) {
            report.require();
          }
        });
  }

  @Override
  public Map<String, Object> settings() {
    Map<String, Object> map = new LinkedHashMap<>();
    if (config.transformers() != null) {
      map.putAll(config.transformers().toMap());
    }
    config.components().forEach((component, plan) -> map.put(component, plan.toMap()));
    stored.forEach(
        (component, layers) -> {
          if (layers.isQuantized()) {
            map.put(component, layers.types().keySet().stream().map(QuantType::text).toList());
          }
        });
    return map;
  }

  @Override
  public List<String> report() {
    List<String> lines = new ArrayList<>();
    stored.forEach((component, layers) -> lines.addAll(layers.notes(component)));
    reports.forEach(
        (component, report) -> {
          if (isStored(component) && config.plan(component) != null) {
            lines.add("warning: " + component + " is quantized already, in its checkpoint");
          }
          lines.addAll(report.lines());
        });
    return lines;
  }
}
