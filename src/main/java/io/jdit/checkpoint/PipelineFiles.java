package io.jdit.checkpoint;

import io.jdit.checkpoint.WeightFiles.WeightSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which files of a repository make up a diffusers pipeline: one set of safetensors weights a
 * component, no duplicates.
 */
final class PipelineFiles {
  static final String INDEX = "model_index.json";

  private static final String GENERATION = "generation_config.json";
  private static final String WEIGHTS = ".safetensors";
  private static final Pattern DESCRIPTION = Pattern.compile(".*\\.(json|txt|model|jinja)");
  private static final Pattern FOREIGN_WEIGHTS =
      Pattern.compile(".*\\.(bin|pt|pth|ckpt|msgpack|h5|onnx|onnx_data|pb|gguf|xml)");
  private static final List<List<String>> TOKENIZERS =
      List.of(
          List.of("tokenizer.json"),
          List.of("vocab.json", "merges.txt"),
          List.of("spiece.model"),
          List.of("tokenizer.model"));

  private PipelineFiles() {}

  /**
   * Component folder to class name, from the text of a model_index.json; absent components are left
   * out.
   */
  static Map<String, String> components(String modelIndex, Object origin) {
    try {
      return components(JsonMapper.shared().readTree(modelIndex), origin);
    } catch (JacksonException e) {
      throw new ModelFormatException(origin + ": not valid JSON: " + e.getOriginalMessage());
    }
  }

  static Map<String, String> components(JsonNode index, Object origin) {
    Map<String, String> components = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : index.properties()) {
      JsonNode type = entry.getValue().path(1);
      if (!entry.getKey().startsWith("_") && type.isString()) {
        components.put(entry.getKey(), type.asString());
      }
    }
    if (components.isEmpty()) {
      throw new ModelFormatException(
          origin + ": names no components, expected those of a diffusers pipeline");
    }
    return components;
  }

  /**
   * The files to fetch out of {@code listing}, whose names are relative to the repository.
   *
   * @param variant of the weights where there is one, {@link WeightFiles#PLAIN} for none
   * @throws HubException when a component has weights, but none that can be loaded
   * @throws ModelFormatException when variants are there only, several of them, and none is wanted,
   *     or when the wanted one is nowhere
   */
  static List<String> select(
      Collection<String> listing, Map<String, String> components, String variant) {
    List<String> chosen = new ArrayList<>();
    for (String root : List.of(INDEX, GENERATION)) {
      if (listing.contains(root)) {
        chosen.add(root);
      }
    }
    requireVariant(listing, components.keySet(), variant, "the repository");
    for (String component : components.keySet()) {
      List<String> names = inFolder(listing, component);
      names.stream()
          .filter(name -> DESCRIPTION.matcher(name).matches() && !name.contains(".index."))
          .forEach(name -> chosen.add(component + "/" + name));
      WeightFiles weights = new WeightFiles(names);
      if (weights.isEmpty()) {
        requireNoOtherWeights(names, component);
      }
      weights
          .choose(variant, WeightSet::isComplete, component)
          .ifPresent(set -> set.names().forEach(name -> chosen.add(component + "/" + name)));
    }
    return chosen;
  }

  private static List<String> inFolder(Collection<String> names, String component) {
    String folder = component + "/";
    return names.stream()
        .filter(file -> file.startsWith(folder))
        .map(file -> file.substring(folder.length()))
        .filter(name -> !name.contains("/"))
        .sorted()
        .toList();
  }

  private static void requireNoOtherWeights(List<String> names, String component) {
    for (String name : names) {
      if (name.endsWith(WEIGHTS)) {
        throw new HubException(
            component
                + "/"
                + name
                + " is not named as diffusers and transformers name weights ("
                + String.join(WEIGHTS + ", ", WeightFiles.BASES)
                + WEIGHTS
                + "), and the repository has no others for "
                + component);
      }
      if (FOREIGN_WEIGHTS.matcher(name).matches()) {
        throw new HubException(
            component
                + "/"
                + name
                + " is no safetensors file, and the repository has none for "
                + component
                + "; choose a repository or revision with safetensors weights");
      }
    }
  }

  /**
   * @throws ModelFormatException when no component has weights of the wanted variant
   */
  static void requireVariant(
      Collection<String> names, Collection<String> components, String wanted, Object where) {
    Set<String> variants = variants(names, components);
    if (!wanted.isEmpty() && !variants.contains(wanted)) {
      List<String> others = variants.stream().filter(v -> !v.isEmpty()).toList();
      throw new ModelFormatException(
          where
              + " has no weights of the variant "
              + wanted
              + "; "
              + (others.isEmpty()
                  ? "it has none: leave out --model-variant"
                  : "its variants are " + String.join(", ", others)));
    }
  }

  private static Set<String> variants(Collection<String> names, Collection<String> components) {
    Set<String> variants = new TreeSet<>();
    components.forEach(c -> variants.addAll(new WeightFiles(inFolder(names, c)).variants()));
    return variants;
  }

  /** The shards that a set of weights in a component's folder needs. */
  private interface Shards {
    Collection<String> of(String component, WeightSet set);
  }

  /**
   * What a local pipeline folder lacks; empty when it can be loaded.
   *
   * @throws ModelFormatException as {@link #select} does
   */
  static List<String> missing(Path folder, String variant) {
    Path index = folder.resolve(INDEX);
    try {
      Map<String, String> components = components(Files.readString(index), index);
      Set<String> names = names(folder, components.keySet());
      if (!variant.isEmpty() && !variants(names, components.keySet()).contains(variant)) {
        return List.of("weights of the variant " + variant);
      }
      return missing(names, components, variant, (c, set) -> shards(folder.resolve(c), set));
    } catch (IOException e) {
      return List.of(INDEX);
    }
  }

  /** What a repository lacks, as far as the names of its files tell. */
  static List<String> missing(
      Collection<String> listing, Map<String, String> components, String variant) {
    return missing(
        listing,
        components,
        variant,
        (component, set) ->
            set.isComplete()
                ? set.shards()
                : List.of("shards 1 to " + set.count() + " with their index"));
  }

  /** Regular files of the pipeline, and what links of it lead to. */
  static Set<String> names(Path folder, Collection<String> components) throws IOException {
    Set<String> names = new TreeSet<>();
    for (String root : List.of(INDEX, GENERATION)) {
      if (Files.isRegularFile(folder.resolve(root))) {
        names.add(root);
      }
    }
    for (String component : components) {
      if (Files.isDirectory(folder.resolve(component))) {
        names(folder.resolve(component)).forEach(name -> names.add(component + "/" + name));
      }
    }
    return names;
  }

  static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    }
  }

  private static List<String> missing(
      Collection<String> names, Map<String, String> components, String variant, Shards shards) {
    List<String> missing = new ArrayList<>();
    components.forEach(
        (component, type) -> {
          List<String> own = inFolder(names, component);
          missing(own, component, type, variant, shards)
              .forEach(name -> missing.add(component + "/" + name));
        });
    return missing;
  }

  private static List<String> missing(
      List<String> names, String component, String type, String variant, Shards shards) {
    if (type.endsWith("Scheduler")) {
      return absent(names, "scheduler_config.json");
    }
    if (type.contains("Tokenizer") || type.equals("TokenizersBackend")) {
      return missingTokenizer(names);
    }
    if (type.contains("Processor") || type.contains("Extractor")) {
      return absent(names, "preprocessor_config.json");
    }
    List<String> missing = new ArrayList<>(absent(names, "config.json"));
    WeightSet set =
        new WeightFiles(names)
            .choose(variant, s -> lacking(names, component, s, shards).isEmpty(), component)
            .orElse(null);
    missing.addAll(set == null ? List.of("*" + WEIGHTS) : lacking(names, component, set, shards));
    return missing;
  }

  /** Of a set of weights. */
  private static List<String> lacking(
      List<String> names, String component, WeightSet set, Shards shards) {
    return set.whole() != null
        ? List.of()
        : shards.of(component, set).stream().filter(shard -> !names.contains(shard)).toList();
  }

  /** Of the forms of tokenizers the one that there is most of. */
  private static List<String> missingTokenizer(List<String> names) {
    List<String> least = TOKENIZERS.get(0);
    for (List<String> form : TOKENIZERS) {
      List<String> missing = form.stream().filter(name -> !names.contains(name)).toList();
      if (missing.isEmpty()) {
        return missing;
      }
      least = missing.size() < form.size() ? missing : least;
    }
    return least;
  }

  private static List<String> absent(List<String> names, String file) {
    return names.contains(file) ? List.of() : List.of(file);
  }

  /** Shards by the index of a local set; the index itself when it cannot be read. */
  static Collection<String> shards(Path component, WeightSet set) {
    if (set.index() == null) {
      return List.of("*" + WEIGHTS + ".index.json");
    }
    try {
      TreeSet<String> shards = new TreeSet<>();
      String text = Files.readString(component.resolve(set.index()));
      JsonMapper.shared()
          .readTree(text)
          .path("weight_map")
          .values()
          .forEach(file -> shards.add(file.asString("")));
      return shards;
    } catch (IOException | JacksonException e) {
      return List.of("a readable " + set.index());
    }
  }
}
