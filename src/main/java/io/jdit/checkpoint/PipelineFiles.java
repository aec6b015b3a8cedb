package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
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
  private static final String SHARDS = ".safetensors.index.json";
  private static final Pattern SHARD = Pattern.compile("-\\d{5}-of-\\d{5}$");
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

  /** The files to fetch out of {@code listing}, whose names are relative to the repository. */
  static List<String> select(Collection<String> listing, Map<String, String> components) {
    List<String> chosen = new ArrayList<>();
    for (String root : List.of(INDEX, GENERATION)) {
      if (listing.contains(root)) {
        chosen.add(root);
      }
    }
    for (String component : components.keySet()) {
      String folder = component + "/";
      List<String> names =
          listing.stream()
              .filter(file -> file.startsWith(folder))
              .map(file -> file.substring(folder.length()))
              .filter(name -> !name.contains("/"))
              .sorted()
              .toList();
      names.stream()
          .filter(PipelineFiles::isDescription)
          .forEach(name -> chosen.add(folder + name));
      weights(names, component).forEach(name -> chosen.add(folder + name));
    }
    return chosen;
  }

  private static boolean isDescription(String name) {
    return name.matches(".*\\.(json|txt|model|jinja)") && !name.contains(".index.");
  }

  private static List<String> weights(List<String> names, String component) {
    List<String> indexes = names.stream().filter(name -> name.endsWith(SHARDS)).toList();
    if (!indexes.isEmpty()) {
      String index = indexes.get(0);
      String base = index.substring(0, index.length() - SHARDS.length());
      List<String> files = new ArrayList<>(List.of(index));
      names.stream()
          .filter(name -> name.endsWith(WEIGHTS) && name.startsWith(base + "-"))
          .filter(name -> SHARD.matcher(stem(name)).find())
          .forEach(files::add);
      return files;
    }
    List<String> whole =
        names.stream()
            .filter(name -> name.endsWith(WEIGHTS) && !SHARD.matcher(stem(name)).find())
            .toList();
    if (whole.isEmpty()) {
      names.stream()
          .filter(name -> FOREIGN_WEIGHTS.matcher(name).matches())
          .findFirst()
          .ifPresent(
              name -> {
                throw new HubException(
                    component
                        + "/"
                        + name
                        + " is no safetensors file, and the repository has none for "
                        + component
                        + "; choose a repository or revision with safetensors weights");
              });
    }
    // A variant such as fp16 adds a part to the name; it is second choice.
    return whole.stream()
        .filter(name -> !stem(name).contains("."))
        .findFirst()
        .or(() -> whole.stream().findFirst())
        .stream()
        .toList();
  }

  private static String stem(String name) {
    return name.substring(0, name.length() - WEIGHTS.length());
  }

  /** What a local pipeline folder lacks; empty when it can be loaded. */
  static List<String> missing(Path folder) {
    Path index = folder.resolve(INDEX);
    if (!Files.isRegularFile(index)) {
      return List.of(INDEX);
    }
    List<String> missing = new ArrayList<>();
    try {
      components(Files.readString(index), index)
          .forEach((component, type) -> missing.addAll(missing(folder, component, type)));
    } catch (IOException e) {
      return List.of(INDEX);
    }
    return missing;
  }

  private static List<String> missing(Path folder, String component, String type) {
    Path part = folder.resolve(component);
    if (type.endsWith("Scheduler")) {
      return absent(folder, component + "/scheduler_config.json");
    }
    if (type.contains("Tokenizer") || type.equals("TokenizersBackend")) {
      boolean any =
          List.of("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model").stream()
              .anyMatch(name -> Files.isRegularFile(part.resolve(name)));
      return any ? List.of() : List.of(component + "/tokenizer.json");
    }
    if (type.contains("Processor") || type.contains("Extractor")) {
      return absent(folder, component + "/preprocessor_config.json");
    }
    List<String> missing = new ArrayList<>(absent(folder, component + "/config.json"));
    missing.addAll(missingWeights(part, component));
    return missing;
  }

  private static List<String> missingWeights(Path part, String component) {
    List<Path> weights = new ArrayList<>();
    List<Path> indexes = new ArrayList<>();
    try (var files = Files.list(part)) {
      for (Path file : files.sorted().toList()) {
        if (file.toString().endsWith(SHARDS)) {
          indexes.add(file);
        } else if (file.toString().endsWith(WEIGHTS) && Files.isRegularFile(file)) {
          weights.add(file);
        }
      }
    } catch (IOException e) {
      return List.of(component);
    }
    if (indexes.isEmpty()) {
      boolean whole = weights.stream().anyMatch(w -> !SHARD.matcher(stem(w.toString())).find());
      return whole ? List.of() : List.of(component + "/*" + WEIGHTS);
    }
    try {
      TreeSet<String> shards = new TreeSet<>();
      JsonNode map =
          JsonMapper.shared().readTree(Files.readString(indexes.get(0))).path("weight_map");
      map.values().forEach(file -> shards.add(file.asString("")));
      return shards.stream()
          .filter(shard -> !Files.isRegularFile(part.resolve(shard)))
          .map(shard -> component + "/" + shard)
          .toList();
    } catch (IOException | JacksonException e) {
      return List.of(component + "/" + indexes.get(0).getFileName());
    }
  }

  private static List<String> absent(Path folder, String file) {
    return Files.isRegularFile(folder.resolve(file)) ? List.of() : List.of(file);
  }
}
