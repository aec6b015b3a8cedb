package io.jdit.engine;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import io.jdit.media.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Configurations of models without weights, for measuring: the resource {@code shapes.json} has the
 * files of a model folder for each name.
 */
public final class Shapes {
  private static final String RESOURCE = "/io/jdit/bench/shapes.json";

  private Shapes() {}

  public static Set<String> names() {
    return new TreeSet<>(read().propertyNames());
  }

  /**
   * Writes the folder of a shape.
   *
   * @param settings {@code component.key} to value, in place of what the configurations say
   * @return {@code folder}
   * @throws ConfigException when a setting names no component or is no JSON
   */
  public static Path write(String name, Map<String, String> settings, Path folder)
      throws IOException {
    JsonNode files = read().get(name);
    settings.forEach((key, value) -> set(files, key, value));
    for (Map.Entry<String, JsonNode> file : files.properties()) {
      Path path = folder.resolve(file.getKey());
      Files.createDirectories(path.getParent());
      AtomicFile.write(path, file.getValue().toString().getBytes(StandardCharsets.UTF_8));
    }
    return folder;
  }

  private static void set(JsonNode files, String key, String value) {
    int dot = key.indexOf('.');
    String file = key.substring(0, Math.max(0, dot)) + "/config.json";
    if (dot < 0 || !files.has(file)) {
      throw new ConfigException(
          "'" + key + "' names no setting: use COMPONENT.KEY, for example transformer.num_layers");
    }
    ObjectNode config = (ObjectNode) files.get(file);
    String setting = key.substring(dot + 1);
    if (!config.has(setting)) {
      throw KnownNames.unknown(file, setting, config.propertyNames());
    }
    config.set(setting, JsonMapper.shared().readTree(value));
  }

  private static JsonNode read() {
    try (InputStream in = Shapes.class.getResourceAsStream(RESOURCE)) {
      return JsonMapper.shared().readTree(in);
    } catch (IOException e) {
      throw new IllegalStateException(RESOURCE + " cannot be read", e);
    }
  }
}
