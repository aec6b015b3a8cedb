package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A JSON file of a model folder with typed access; every error names the file and the key. */
public final class ModelConfig {
  private final Path path;
  private final JsonNode root;

  private ModelConfig(Path path, JsonNode root) {
    this.path = path;
    this.root = root;
  }

  /**
   * Reads a file.
   *
   * @throws ModelFormatException when it is missing or not a JSON object
   */
  public static ModelConfig read(Path path) {
    byte[] contents;
    try {
      contents = Files.readAllBytes(path);
    } catch (NoSuchFileException e) {
      throw new ModelFormatException("file " + path + " does not exist");
    } catch (IOException e) {
      throw new ModelFormatException("file " + path + " cannot be read: " + e.getMessage(), e);
    }
    Placeholder.of(contents)
        .ifPresent(
            what -> {
              throw new ModelFormatException("file " + path + " " + what);
            });
    try {
      JsonNode root = JsonMapper.shared().readTree(contents);
      if (!root.isObject()) {
        throw new ModelFormatException("file " + path + " is not a JSON object");
      }
      return new ModelConfig(path, root);
    } catch (JacksonException e) {
      var at = e.getLocation();
      throw new ModelFormatException(
          "file "
              + path
              + " is not valid JSON at line "
              + at.getLineNr()
              + ", column "
              + at.getColumnNr()
              + ": "
              + e.getOriginalMessage());
    }
  }

  /**
   * The settings of the text model: those under {@code text_config} where the file describes a
   * model of texts and pictures, else all.
   */
  public ModelConfig textConfig() {
    return half("text_config");
  }

  /** As {@link #textConfig()}, of the model of pictures, under {@code vision_config}. */
  public ModelConfig visionConfig() {
    return half("vision_config");
  }

  private ModelConfig half(String key) {
    return root.path(key).isObject() ? section(key) : this;
  }

  public Path path() {
    return path;
  }

  public JsonNode json() {
    return root;
  }

  /** True when the key is there and not null. */
  public boolean has(String key) {
    return !root.path(key).isMissingNode() && !root.path(key).isNull();
  }

  public int integer(String key) {
    JsonNode node = required(key);
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw wrong(key, node, "a whole number");
    }
    return node.asInt();
  }

  public int integer(String key, int absent) {
    return has(key) ? integer(key) : absent;
  }

  public double number(String key, double absent) {
    if (!has(key)) {
      return absent;
    }
    JsonNode node = root.get(key);
    if (!node.isNumber()) {
      throw wrong(key, node, "a number");
    }
    return node.asDouble();
  }

  public boolean flag(String key, boolean absent) {
    if (!has(key)) {
      return absent;
    }
    JsonNode node = root.get(key);
    if (!node.isBoolean()) {
      throw wrong(key, node, "true or false");
    }
    return node.asBoolean();
  }

  public String text(String key) {
    JsonNode node = required(key);
    if (!node.isString()) {
      throw wrong(key, node, "a text");
    }
    return node.asString();
  }

  public String text(String key, String absent) {
    return has(key) ? text(key) : absent;
  }

  public int[] integers(String key) {
    JsonNode node = required(key);
    int[] values = new int[node.size()];
    for (int i = 0; i < values.length; i++) {
      if (!node.isArray() || !node.get(i).isIntegralNumber() || !node.get(i).canConvertToInt()) {
        throw wrong(key, node, "a list of whole numbers");
      }
      values[i] = node.get(i).asInt();
    }
    return values;
  }

  public float[] numbers(String key) {
    JsonNode node = required(key);
    float[] values = new float[node.size()];
    for (int i = 0; i < values.length; i++) {
      if (!node.isArray() || !node.get(i).isNumber()) {
        throw wrong(key, node, "a list of numbers");
      }
      values[i] = (float) node.get(i).asDouble();
    }
    return values;
  }

  public boolean[] flags(String key) {
    JsonNode node = required(key);
    boolean[] values = new boolean[node.size()];
    for (int i = 0; i < values.length; i++) {
      if (!node.isArray() || !node.get(i).isBoolean()) {
        throw wrong(key, node, "a list of true and false");
      }
      values[i] = node.get(i).asBoolean();
    }
    return values;
  }

  public String[] texts(String key) {
    JsonNode node = required(key);
    String[] values = new String[node.size()];
    for (int i = 0; i < values.length; i++) {
      if (!node.isArray() || !node.get(i).isString()) {
        throw wrong(key, node, "a list of texts");
      }
      values[i] = node.get(i).asString();
    }
    return values;
  }

  /**
   * An object inside this one; its errors name the same file.
   *
   * @throws ModelFormatException when it is missing or no object
   */
  public ModelConfig section(String key) {
    JsonNode node = required(key);
    if (!node.isObject()) {
      throw wrong(key, node, "an object");
    }
    return new ModelConfig(path, node);
  }

  /**
   * Refuses a setting that this class of model supports with one value only.
   *
   * @throws ModelFormatException when the key is there with another value
   */
  public void requireText(String key, String only) {
    String found = text(key, only);
    if (!found.equals(only)) {
      throw new ModelFormatException(
          "file "
              + path
              + ": "
              + key
              + " '"
              + found
              + "' is not supported, only '"
              + only
              + "' is");
    }
  }

  /** An error about a value of this file. */
  public ModelFormatException error(String message) {
    return new ModelFormatException("file " + path + ": " + message);
  }

  private JsonNode required(String key) {
    if (!has(key)) {
      throw new ModelFormatException("file " + path + " lacks the key " + key);
    }
    return root.get(key);
  }

  private ModelFormatException wrong(String key, JsonNode found, String expected) {
    return new ModelFormatException(
        "file " + path + ": " + key + " is " + found + ", expected " + expected);
  }
}
