package io.jdit.checkpoint;

import io.jdit.checkpoint.WeightFiles.WeightSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** What a pipeline lacks of the files that loading it needs, by the classes of its components. */
final class MissingFiles {
  private static final String WEIGHTS = ".safetensors";
  private static final List<List<String>> TOKENIZERS =
      List.of(
          List.of("tokenizer.json"),
          List.of("vocab.json", "merges.txt"),
          List.of("spiece.model"),
          List.of("tokenizer.model"));

  private MissingFiles() {}

  /** The shards that a set of weights in a component's folder needs. */
  private interface Shards {
    Collection<String> of(String component, WeightSet set);
  }

  /**
   * What a local pipeline folder lacks; empty when it can be loaded.
   *
   * @throws ModelFormatException as {@link PipelineFiles#select} does
   */
  static List<String> of(Path folder, String variant) {
    Path index = folder.resolve(PipelineFiles.INDEX);
    try {
      Map<String, String> components = PipelineFiles.components(Files.readString(index), index);
      Set<String> names = PipelineFiles.names(folder, components.keySet());
      if (!variant.isEmpty()
          && !PipelineFiles.variants(names, components.keySet()).contains(variant)) {
        return List.of("weights of the variant " + variant);
      }
      return missing(names, components, variant, (c, set) -> shards(folder.resolve(c), set));
    } catch (IOException e) {
      return List.of(PipelineFiles.INDEX);
    }
  }

  /** What a repository lacks, as far as the names of its files tell. */
  static List<String> of(
      Collection<String> listing, Map<String, String> components, String variant) {
    return missing(
        listing,
        components,
        variant,
        (component, set) ->
            set.isComplete() ? set.shards() : List.of("all shards with their index"));
  }

  private static List<String> missing(
      Collection<String> names, Map<String, String> components, String variant, Shards shards) {
    List<String> missing = new ArrayList<>();
    components.forEach(
        (component, type) -> {
          List<String> own = PipelineFiles.inFolder(names, component);
          missing(own, component, type, variant, shards)
              .forEach(name -> missing.add(component + "/" + name));
        });
    return missing;
  }

  private static List<String> missing(
      List<String> names, String component, String type, String variant, Shards shards) {
    if (isScheduler(type)) {
      return absent(names, "scheduler_config.json");
    }
    if (isTokenizer(type)) {
      return missingTokenizer(names);
    }
    if (isProcessor(type)) {
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

  private static boolean isScheduler(String type) {
    return type.endsWith("Scheduler");
  }

  private static boolean isTokenizer(String type) {
    return type.contains("Tokenizer") || type.equals("TokenizersBackend");
  }

  private static boolean isProcessor(String type) {
    return type.contains("Processor") || type.contains("Extractor");
  }

  /** Whether a component of that class has weights. */
  static boolean hasWeights(String type) {
    return !isScheduler(type) && !isTokenizer(type) && !isProcessor(type);
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
