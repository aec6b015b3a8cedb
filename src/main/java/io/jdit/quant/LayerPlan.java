package io.jdit.quant;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which layers of a component get which type.
 *
 * @param type of layers that nothing else is said about
 * @param exclude a layer is left alone when its name contains one of these
 * @param regional only layers inside the blocks of a transformer, known by their names in the block
 * @param precision types of layers whose name contains a word; where several match, the type that
 *     comes first in {@link QuantType} counts
 * @param perTensorFallback whether float8 per row gives way to per tensor, and not to no
 *     quantization, in layers whose columns are shared out over ranks
 */
public record LayerPlan(
    QuantType type,
    List<String> exclude,
    boolean regional,
    Map<String, QuantType> precision,
    boolean perTensorFallback) {
  /** Cache-DiT's words. */
  public static final List<String> EXCLUDED = List.of("embedder", "embed", "modulation", "mod");

  /** A list of blocks at the top of a transformer, the number of one, the layer's name in it. */
  private static final Pattern IN_BLOCK = Pattern.compile("([A-Za-z]\\w*)\\.\\d+\\.(.+)");

  /** Cache-DiT's: leaves row-sharded layers as any other. */
  private static final String NO_FALLBACK = "CACHE_DIT_DISABLE_EXCLUDE_FOR_QUANTIZE_AFTER_TP";

  static final String OUTSIDE = "outside the transformer's blocks";

  /**
   * @param type null for a layer that is left alone
   * @param reason why it is, else null
   * @param pattern of names that share the decision
   */
  record Choice(QuantType type, String reason, String pattern) {}

  public LayerPlan {
    exclude = List.copyOf(exclude);
    precision = new LinkedHashMap<>(precision);
  }

  /** Blocks of a transformer in one type. */
  public static LayerPlan of(QuantType type) {
    return new LayerPlan(type, EXCLUDED, true, Map.of(), true);
  }

  /** The list of blocks that a layer lies in; null outside of them. */
  static String blocks(String layer) {
    Matcher m = IN_BLOCK.matcher(layer);
    return m.matches() ? m.group(1) : null;
  }

  /** The name that layers share which stand at one place of different blocks. */
  static String pattern(String layer) {
    return layer.replaceFirst("\\.\\d+\\.", ".*.");
  }

  /**
   * @param layer its name in the checkpoint
   * @param out rows of its weight on this rank
   * @param in columns on this rank
   * @param rowShard whether the columns are shared out over ranks
   */
  Choice choose(String layer, long out, long in, boolean rowShard) {
    Matcher block = IN_BLOCK.matcher(layer);
    boolean inside = block.matches();
    String pattern = pattern(layer);
    if (regional && !inside) {
      return new Choice(null, OUTSIDE, pattern);
    }
    String name = regional ? block.group(2) : layer;
    for (String word : exclude) {
      if (name.contains(word)) {
        return new Choice(null, "excluded by '" + word + "'", pattern);
      }
    }
    QuantType chosen = planned(name);
    if (rowShard
        && chosen == QuantType.FLOAT8_PER_ROW
        && !System.getenv().containsKey(NO_FALLBACK)) {
      if (!perTensorFallback) {
        return new Choice(null, "columns shared out over ranks", pattern);
      }
      chosen = QuantType.FLOAT8_PER_TENSOR;
    }
    String obstacle = chosen.obstacle(out, in);
    return obstacle == null
        ? new Choice(chosen, null, pattern)
        : new Choice(null, chosen.text() + ": " + obstacle, pattern);
  }

  private QuantType planned(String name) {
    return precision.entrySet().stream()
        .filter(e -> name.contains(e.getKey()))
        .map(Map.Entry::getValue)
        .min(QuantType::compareTo)
        .orElse(type);
  }

  /** Words of the plan, and words to exclude by, that no layer's name contains. */
  List<String> unmatched(List<String> words, Iterable<String> layers) {
    List<String> left = new ArrayList<>(words);
    for (String layer : layers) {
      Matcher block = IN_BLOCK.matcher(layer);
      boolean inside = block.matches();
      if (inside || !regional) {
        String name = regional ? block.group(2) : layer;
        left.removeIf(name::contains);
      }
    }
    return left;
  }

  /** As settings of a file. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("quant_type", type.text());
    map.put("exclude_layers", exclude);
    map.put("regional_quantize", regional);
    if (!precision.isEmpty()) {
      Map<String, Object> plan = new TreeMap<>();
      precision.forEach((word, t) -> plan.put(word, t.text()));
      map.put("precision_plan", plan);
    }
    map.put("per_tensor_fallback", perTensorFallback);
    return map;
  }

  /** Names of layers for a message. */
  static String some(Iterable<String> layers) {
    List<String> names = new ArrayList<>();
    for (String layer : layers) {
      Matcher block = IN_BLOCK.matcher(layer);
      String name = block.matches() ? block.group(2) : layer;
      if (!names.contains(name) && names.size() < 4) {
        names.add(name);
      }
    }
    return String.join(", ", names);
  }
}
