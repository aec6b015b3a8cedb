package io.jdit.engine.batch;

import io.jdit.config.ConfigException;
import io.jdit.config.ValueType;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The lines of a prompt file, and what each of them is: with the extension {@code .jsonl} or {@code
 * .ndjson}, or when the first is one, a JSON object; else a JSON object where it is one, and a
 * prompt where it is not. Files of other forms are refused: their markup would be drawn.
 */
final class PromptLines {
  private static final Set<String> OBJECTS = Set.of("jsonl", "ndjson", "jsonlines");
  private static final Set<String> OTHERS =
      Set.of("csv", "tsv", "yaml", "yml", "toml", "xml", "parquet", "arrow", "xlsx", "ods");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private PromptLines() {}

  /** Whether every line has to be an object: the file's name says so, or the first line is one. */
  static boolean areObjects(Path file, List<String> lines) {
    return OBJECTS.contains(extension(file)) || object(first(lines), false) != null;
  }

  private static String first(List<String> lines) {
    return lines.stream().map(String::strip).filter(l -> !l.isEmpty()).findFirst().orElse("");
  }

  /**
   * @throws ConfigException when the file cannot be read as UTF-8 text, or has another form
   */
  static List<String> read(Path file) {
    if (OTHERS.contains(extension(file))) {
      throw new ConfigException(form(file, "is no text of prompts"));
    }
    try {
      List<String> lines = new ArrayList<>(Files.readAllLines(file, StandardCharsets.UTF_8));
      if (!lines.isEmpty() && lines.get(0).startsWith("\uFEFF")) {
        lines.set(0, lines.get(0).substring(1));
      }
      requireLines(file, lines);
      return lines;
    } catch (NoSuchFileException e) {
      throw new ConfigException("--prompt-path " + file + " does not exist", e);
    } catch (CharacterCodingException e) {
      throw new ConfigException(
          "--prompt-path " + file + " cannot be read as UTF-8 text: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ConfigException("--prompt-path " + file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** One document over several lines, or a list, has no line that could be run. */
  private static void requireLines(Path file, List<String> lines) {
    String first = first(lines);
    if (OBJECTS.contains(extension(file)) || !(first.startsWith("[") || first.startsWith("{"))) {
      return;
    }
    JsonNode document = parseOrNull(String.join("\n", lines));
    if (document != null && (document.isArray() || parseOrNull(first) == null)) {
      throw new ConfigException(
          form(file, "is one JSON document (" + ValueType.describe(document) + ")"));
    }
  }

  private static String form(Path file, String found) {
    return "--prompt-path "
        + file
        + " "
        + found
        + ": expected one prompt on each line, or one JSON object on each line with the key"
        + " 'prompt'";
  }

  /**
   * The object that a line is; null for a prompt.
   *
   * @param required whether it has to be one
   * @throws ConfigException saying what is wrong with a line that has to be an object
   */
  static JsonNode object(String line, boolean required) {
    if (!required) {
      JsonNode node = line.startsWith("{") ? parseOrNull(line) : null;
      return node != null && node.isObject() ? node : null;
    }
    JsonNode node;
    try {
      node = JSON.readTree(line);
    } catch (JacksonException e) {
      int column = e.getLocation() == null ? 0 : e.getLocation().getColumnNr();
      throw new ConfigException(
          "not one JSON object"
              + (column > 0 ? " (column " + column + ")" : "")
              + ": "
              + e.getOriginalMessage(),
          e);
    }
    if (!node.isObject()) {
      throw new ConfigException("expected a JSON object, found " + ValueType.describe(node));
    }
    return node;
  }

  private static JsonNode parseOrNull(String text) {
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      return null;
    }
  }

  private static String extension(Path file) {
    String name = file.getFileName().toString();
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }
}
