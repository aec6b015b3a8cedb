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
    for (Map.Entry<String, String> part : components.entrySet()) {
      String component = part.getKey();
      List<String> names = inFolder(listing, component);
      names.stream()
          .filter(name -> DESCRIPTION.matcher(name).matches() && !name.contains(".index."))
          .forEach(name -> chosen.add(component + "/" + name));
      WeightFiles weights = new WeightFiles(names);
      if (weights.isEmpty() && MissingFiles.hasWeights(part.getValue())) {
        requireNoOtherWeights(names, component);
      }
      weights
          .choose(variant, WeightSet::isComplete, component)
          .ifPresent(set -> set.names().forEach(name -> chosen.add(component + "/" + name)));
    }
    return chosen;
  }

  static List<String> inFolder(Collection<String> names, String component) {
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

  static Set<String> variants(Collection<String> names, Collection<String> components) {
    Set<String> variants = new TreeSet<>();
    components.forEach(c -> variants.addAll(new WeightFiles(inFolder(names, c)).variants()));
    return variants;
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
}
