package io.jdit.pipeline;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import tools.jackson.databind.JsonNode;

/**
 * A pipeline folder in the diffusers layout.
 *
 * @param components names in model_index.json with their class, in file order; parts that are null
 *     there are left out
 */
public record ModelFolder(Path path, String className, Map<String, String> components) {
  /**
   * Reads model_index.json.
   *
   * @throws ModelFormatException when the folder or the file is missing or malformed
   */
  public static ModelFolder open(Path path) {
    if (!Files.isDirectory(path)) {
      throw new ModelFormatException("model folder " + path + " does not exist");
    }
    if (!Files.exists(path.resolve("model_index.json"))) {
      throw new ModelFormatException(
          "folder " + path + " has no model_index.json: expected a diffusers pipeline folder");
    }
    ModelConfig index = ModelConfig.read(path.resolve("model_index.json"));
    Map<String, String> components = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> e : index.json().properties()) {
      JsonNode v = e.getValue();
      if (v.isArray() && v.size() == 2 && v.get(1).isString()) {
        components.put(e.getKey(), v.get(1).asString());
      }
    }
    return new ModelFolder(path, index.text("_class_name"), components);
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
              + className
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

  /** Builds a component from config.json and weights, strictly. */
  public <T> T build(
      Path folder,
      DType dtype,
      Device device,
      TensorScope owner,
      BiFunction<ModelConfig, Weights, T> constructor) {
    ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      Weights w = new Weights(checkpoint, dtype, device, owner);
      T module = constructor.apply(config, w);
      w.requireAllUsed();
      return module;
    }
  }
}
