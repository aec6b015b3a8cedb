package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A pipeline folder in the diffusers layout.
 *
 * @param index model_index.json: components, and scalars such as {@code boundary_ratio}
 * @param components names of the components with their class, in file order; those that are null in
 *     the index are left out
 */
public record ModelFolder(Path path, ModelConfig index, Map<String, String> components) {
  /**
   * Reads model_index.json.
   *
   * @throws ModelFormatException when the folder or the file is missing or malformed
   */
  public static ModelFolder open(Path path) {
    if (!Files.isDirectory(path)) {
      throw new ModelFormatException("model folder " + path + " does not exist");
    }
    Path file = path.resolve(PipelineFiles.INDEX);
    if (!Files.exists(file)) {
      throw new ModelFormatException(
          "folder " + path + " has no model_index.json: expected a diffusers pipeline folder");
    }
    ModelConfig index = ModelConfig.read(file);
    return new ModelFolder(path, index, PipelineFiles.components(index.json(), file));
  }

  /**
   * Checks that a component of a folder has weights of a variant; a folder that is no pipeline is
   * somebody else's to report.
   *
   * @param variant such as {@code fp16}; empty for none
   * @throws ModelFormatException naming the variants that there are
   */
  public static void requireVariant(Path path, String variant) {
    if (variant.isEmpty() || !Files.exists(path.resolve(PipelineFiles.INDEX))) {
      return;
    }
    ModelFolder folder = open(path);
    Set<String> components = folder.components.keySet();
    try {
      PipelineFiles.requireVariant(
          PipelineFiles.names(path, components), components, variant, "model folder " + path);
    } catch (IOException e) {
      throw new ModelFormatException("folder " + path + " cannot be read: " + e, e);
    }
  }

  /**
   * Variants that are loaded without being asked for, because a component has no other weights.
   *
   * @param path of a pipeline folder
   */
  public static Set<String> impliedVariants(Path path) {
    Set<String> implied = new TreeSet<>();
    try {
      for (String component : open(path).components.keySet()) {
        Path folder = path.resolve(component);
        if (Files.isDirectory(folder)) {
          Set<String> variants = new WeightFiles(PipelineFiles.names(folder)).variants();
          implied.addAll(variants.contains(WeightFiles.PLAIN) ? Set.of() : variants);
        }
      }
    } catch (IOException e) {
      throw new ModelFormatException("folder " + path + " cannot be read: " + e, e);
    }
    return implied;
  }

  /** Class of the pipeline, for example {@code FluxPipeline}. */
  public String className() {
    return index.text("_class_name");
  }

  public boolean has(String component) {
    return components.containsKey(component);
  }

  /**
   * The folder of a component.
   *
   * @param classes classes that the caller can build
   * @throws ModelFormatException when the component is missing or of another class
   */
  public Path component(String name, String... classes) {
    String found = components.get(name);
    if (found == null) {
      throw new ModelFormatException(
          "model_index.json of "
              + path
              + " lacks the component "
              + name
              + ", which "
              + className()
              + " needs");
    }
    for (String c : classes) {
      if (c.equals(found)) {
        Path folder = path.resolve(name);
        if (!Files.isDirectory(folder)) {
          throw new ModelFormatException(
              "component folder "
                  + folder
                  + " is missing, model_index.json names it; download the model again");
        }
        return folder;
      }
    }
    throw new ModelFormatException(
        "component "
            + name
            + " of "
            + path
            + " is a "
            + found
            + ", supported here: "
            + String.join(", ", classes));
  }

  /** The config.json of a component, or its scheduler_config.json. */
  public ModelConfig config(String name, String... classes) {
    Path folder = component(name, classes);
    Path scheduler = folder.resolve("scheduler_config.json");
    return ModelConfig.read(Files.exists(scheduler) ? scheduler : folder.resolve("config.json"));
  }

  /** An error about parts that do not belong together. */
  public ModelFormatException mismatch(String what) {
    return new ModelFormatException("the parts of " + path + " do not fit: " + what);
  }

  /**
   * Checks a number of one part against what another part makes it.
   *
   * @param what for example {@code in_channels of the transformer}
   * @throws ModelFormatException naming both
   */
  public void requireFitting(String what, int value, int fitting) {
    if (value != fitting) {
      throw mismatch(what + " is " + value + ", expected " + fitting);
    }
  }
}
