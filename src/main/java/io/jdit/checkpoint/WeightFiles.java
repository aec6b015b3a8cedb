package io.jdit.checkpoint;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The safetensors weights of one component folder, told apart by their names. Base is {@code
 * diffusion_pytorch_model} in diffusers parts and {@code model} in transformers parts; a variant
 * such as {@code fp16} is a part of the name. The libraries have written
 *
 * <pre>
 * BASE.safetensors                             BASE.VARIANT.safetensors
 * BASE-00001-of-00002.safetensors              BASE-00001-of-00002.VARIANT.safetensors
 *                                              BASE.VARIANT-00001-of-00002.safetensors
 * BASE.safetensors.index.json                  BASE.safetensors.index.VARIANT.json
 *                                              BASE.safetensors.VARIANT.index.json
 *                                              BASE.VARIANT.safetensors.index.json
 * </pre>
 */
final class WeightFiles {
  /** The name of weights without a variant. */
  static final String PLAIN = "";

  private static final String DIFFUSERS = "diffusion_pytorch_model";
  static final List<String> BASES = List.of(DIFFUSERS, "model");

  private static final String BASE = "(?<base>" + String.join("|", BASES) + ")";
  private static final Pattern WEIGHTS =
      Pattern.compile(
          BASE
              + "(?:\\.(?<v1>[^./]+?))?(?<shard>-\\d{5,}-of-(?<count>\\d{5,9}))?(?:\\.(?<v2>[^./]+))?\\.safetensors");
  private static final Pattern INDEX =
      Pattern.compile(
          BASE
              + "(?:\\.(?<v1>[^./]+))?\\.safetensors(?:\\.(?<v2>[^./]+))?\\.index(?:\\.(?<v3>[^./]+))?\\.json");

  /**
   * One complete or incomplete set of weights.
   *
   * @param whole name of the only file, null for shards
   * @param index name of the list of shards, null for a whole file, or where it is missing
   * @param shards names of the shards that are there
   * @param counted whether these are as many as one of their names says
   */
  record WeightSet(String whole, String index, List<String> shards, boolean counted) {
    List<String> names() {
      if (whole != null) {
        return List.of(whole);
      }
      List<String> names = new ArrayList<>(shards);
      if (index != null) {
        names.add(0, index);
      }
      return names;
    }

    /** As far as names tell. */
    boolean isComplete() {
      return whole != null || (index != null && counted);
    }
  }

  /** What is there of a base and a variant. */
  private static final class Found {
    String whole;
    String index;
    // By the count in their names: a repository may hold those of an earlier division too.
    final Map<Integer, List<String>> shards = new TreeMap<>();
  }

  private final Map<String, Map<String, Found>> byVariant = new TreeMap<>();

  /**
   * @param names of the files in the folder, others too
   */
  WeightFiles(Collection<String> names) {
    for (String name : new TreeSet<>(names)) {
      Matcher weights = WEIGHTS.matcher(name);
      Matcher index = INDEX.matcher(name);
      if (weights.matches()) {
        Found found = found(weights.group("base"), weights.group("v1"), weights.group("v2"));
        if (weights.group("shard") == null) {
          found.whole = name;
        } else {
          int count = Integer.parseInt(weights.group("count"));
          found.shards.computeIfAbsent(count, c -> new ArrayList<>()).add(name);
        }
      } else if (index.matches()) {
        found(index.group("base"), index.group("v1"), index.group("v2"), index.group("v3")).index =
            name;
      }
    }
  }

  private Found found(String base, String... variants) {
    String variant = PLAIN;
    for (String v : variants) {
      variant = v == null ? variant : v;
    }
    return byVariant
        .computeIfAbsent(variant, v -> new LinkedHashMap<>())
        .computeIfAbsent(base, b -> new Found());
  }

  boolean isEmpty() {
    return byVariant.isEmpty();
  }

  /** Names of the variants, {@link #PLAIN} among them where there are weights without one. */
  Set<String> variants() {
    return byVariant.keySet();
  }

  /**
   * The set to load: of the wanted variant where the folder has it, else without a variant, else
   * the only variant that there is. Of several forms the first complete one, in the order in which
   * the libraries look: transformers takes a whole file first, diffusers an index.
   *
   * @param wanted variant, {@link #PLAIN} for none
   * @param complete tells whether a set can be loaded
   * @param where the folder, for the message
   * @throws ModelFormatException when only variants are there, several of them, and none is wanted
   */
  Optional<WeightSet> choose(String wanted, Predicate<WeightSet> complete, Object where) {
    if (isEmpty()) {
      return Optional.empty();
    }
    List<WeightSet> sets = sets(byVariant.get(variant(wanted, where)));
    return sets.stream().filter(complete).findFirst().or(() -> sets.stream().findFirst());
  }

  private String variant(String wanted, Object where) {
    if (byVariant.containsKey(wanted)) {
      return wanted;
    }
    if (byVariant.containsKey(PLAIN)) {
      return PLAIN;
    }
    if (byVariant.size() > 1) {
      throw new ModelFormatException(
          where
              + " has weights in the variants "
              + String.join(", ", byVariant.keySet())
              + (wanted.isEmpty() ? " only" : ", not in " + wanted)
              + ": choose one with --model-variant");
    }
    return byVariant.keySet().iterator().next();
  }

  private static List<WeightSet> sets(Map<String, Found> byBase) {
    List<WeightSet> sets = new ArrayList<>();
    for (String base : BASES) {
      Found f = byBase.get(base);
      if (f == null) {
        continue;
      }
      List<WeightSet> forms = new ArrayList<>();
      if (f.whole != null) {
        forms.add(new WeightSet(f.whole, null, List.of(), false));
      }
      if (f.index != null || !f.shards.isEmpty()) {
        boolean counted =
            f.shards.entrySet().stream().anyMatch(e -> e.getValue().size() == e.getKey());
        List<String> all = f.shards.values().stream().flatMap(List::stream).toList();
        WeightSet shards = new WeightSet(null, f.index, all, counted);
        forms.add(base.equals(DIFFUSERS) ? 0 : forms.size(), shards);
      }
      sets.addAll(forms);
    }
    return sets;
  }
}
