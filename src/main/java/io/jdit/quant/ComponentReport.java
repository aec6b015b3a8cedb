package io.jdit.quant;

import io.jdit.tensor.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What became of the linear layers of a component. */
public final class ComponentReport {
  private final String component;
  private final LayerPlan plan; // null where the checkpoint's own layers are quantized
  private final boolean verbose;
  private final Map<String, Layer> layers = new LinkedHashMap<>();

  /**
   * A layer on this rank.
   *
   * @param elements of its weight
   * @param dense bytes that the weight would take in the model's dtype
   * @param bytes that it takes
   */
  record Layer(LayerPlan.Choice choice, long out, long in, long dense, long bytes) {}

  /**
   * @param plan that the layers are quantized by; null where they are stored quantized
   */
  ComponentReport(String component, LayerPlan plan, boolean verbose) {
    this.component = component;
    this.plan = plan;
    this.verbose = verbose;
  }

  void add(String name, LayerPlan.Choice choice, long out, long in, DType dtype) {
    long dense = out * in * dtype.bytes();
    long bytes = choice.type() == null ? dense : QuantizedWeight.bytes(choice.type(), out, in);
    layers.put(name, new Layer(choice, out, in, dense, bytes));
  }

  /** Types of the layers that are quantized, by name. */
  public Map<String, QuantType> quantized() {
    Map<String, QuantType> types = new LinkedHashMap<>();
    layers.forEach(
        (name, layer) -> {
          if (layer.choice.type() != null) {
            types.put(name, layer.choice.type());
          }
        });
    return types;
  }

  /** Linear layers that are not, by name. */
  public List<String> skipped() {
    List<String> names = new ArrayList<>(layers.keySet());
    names.removeAll(quantized().keySet());
    return names;
  }

  /** Bytes that the weights take less than in the model's dtype. */
  public long savedBytes() {
    return layers.values().stream().mapToLong(l -> l.dense - l.bytes).sum();
  }

  /**
   * Checks that the plan meant something.
   *
   * @throws IllegalArgumentException when no layer is quantized, or a word of the precision plan is
   *     part of no layer's name
   */
  void require() {
    List<String> words = plan.unmatched(List.copyOf(plan.precision().keySet()), layers.keySet());
    if (!words.isEmpty()) {
      throw new IllegalArgumentException(
          "precision_plan: no layer of "
              + component
              + " is called like "
              + String.join(", ", words)
              + ": its layers are "
              + LayerPlan.some(layers.keySet())
              + " ...");
    }
    if (quantized().isEmpty()) {
      throw new IllegalArgumentException(
          "quantization matches no layer of "
              + component
              + ": "
              + (layers.isEmpty() ? "it has no linear layers" : String.join(", ", reasons())));
    }
  }

  private List<String> reasons() {
    Map<String, Integer> counts = new LinkedHashMap<>();
    layers.values().forEach(l -> counts.merge(l.choice.reason(), 1, Integer::sum));
    return counts.entrySet().stream().map(e -> e.getValue() + " are " + e.getKey()).toList();
  }

  /** The report as lines: region, a line for each type, totals; with verbose the reasons. */
  public List<String> lines() {
    List<String> text = new ArrayList<>();
    Set<String> lists = new LinkedHashSet<>();
    Map<QuantType, Integer> types = new TreeMap<>();
    int skipped = 0;
    for (Map.Entry<String, Layer> e : layers.entrySet()) {
      QuantType type = e.getValue().choice.type();
      if (type == null) {
        skipped++;
      } else {
        types.merge(type, 1, Integer::sum);
        lists.add(LayerPlan.blocks(e.getKey()));
      }
    }
    String region =
        lists.contains(null)
            ? "the whole component"
            : String.join(", ", lists.stream().limit(2).toList())
                + (lists.size() > 2 ? ", ..." : "");
    text.add("quantized " + component + ": " + region);
    types.forEach((type, n) -> text.add(line("  %-20s %5d layers", type.text(), n)));
    long dense = layers.values().stream().mapToLong(Layer::dense).sum();
    text.add(
        line(
            "  %d quantized, %d skipped, %d linear layers; their weights %.1f MB instead of %.1f",
            layers.size() - skipped,
            skipped,
            layers.size(),
            (dense - savedBytes()) / 1e6,
            dense / 1e6));
    for (String word :
        plan == null || plan.exclude().equals(LayerPlan.EXCLUDED)
            ? List.<String>of()
            : plan.unmatched(plan.exclude(), layers.keySet())) {
      text.add("  exclude_layers: no layer is called like " + word);
    }
    if (verbose) {
      Map<String, Integer> patterns = new LinkedHashMap<>();
      layers.values().forEach(l -> patterns.merge(row(l.choice), 1, Integer::sum));
      patterns.forEach((row, n) -> text.add(line("  %s %4d", row, n)));
    }
    return text;
  }

  private static String row(LayerPlan.Choice choice) {
    String what = choice.type() == null ? "skipped, " + choice.reason() : choice.type().text();
    return line("%-40s %-56s", what, choice.pattern());
  }

  private static String line(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
