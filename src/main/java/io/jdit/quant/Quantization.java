package io.jdit.quant;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Quantizer;
import io.jdit.nn.LinearFormat;
import io.jdit.pipeline.LinearFormats;
import java.nio.file.Files;
import java.nio.file.Path;
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
  private final Map<String, LayerPlan> stored;
  private final Map<String, ComponentReport> reports = new LinkedHashMap<>();

  private Quantization(QuantizeConfig config, Map<String, LayerPlan> stored) {
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
   * @throws IllegalArgumentException when a component is to be quantized that the model lacks
   * @throws ModelFormatException when a config.json has a plan that is not understood
   */
  public static LinearFormats at(ModelFolder model, LinearFormats formats) {
    Map<String, LayerPlan> stored = new LinkedHashMap<>();
    for (String component : model.components().keySet()) {
      Path file = model.path().resolve(component).resolve("config.json");
      if (Files.isRegularFile(file)) {
        Quantizer.own(ModelConfig.read(file))
            .ifPresent(
                plan ->
                    stored.put(
                        component, QuantizeSection.stored(plan, file.toString(), component)));
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
    return stored.containsKey(component);
  }

  /** Components that are quantized while they are read. */
  public boolean isMadeHere(String component) {
    return !isStored(component) && config.plan(component) != null;
  }

  @Override
  public LinearFormat of(String component) {
    boolean here = stored.containsKey(component);
    LayerPlan plan = here ? stored.get(component) : config.plan(component);
    if (plan == null) {
      return LinearFormat.dense();
    }
    ComponentReport report =
        reports.computeIfAbsent(
            component, name -> new ComponentReport(name, plan, config.verbose()));
    return new QuantizedFormat(plan, here, report);
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
    Map<String, LayerPlan> others = new LinkedHashMap<>(config.components());
    others.putAll(stored);
    others.forEach((component, plan) -> map.put(component, plan.toMap()));
    return map;
  }

  @Override
  public List<String> report() {
    List<String> lines = new ArrayList<>();
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
