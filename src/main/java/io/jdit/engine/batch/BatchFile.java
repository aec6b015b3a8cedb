package io.jdit.engine.batch;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import io.jdit.media.OutputNames;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A file of prompts: one per line, or with the extension {@code .jsonl} one JSON object per line.
 * Empty lines count but say nothing. The names of the pictures depend on the line alone, so that a
 * run that goes on finds what the one before it made.
 *
 * @param items in the order of the file
 * @param badLines the lines that cannot be run
 */
public record BatchFile(List<BatchItem> items, List<BadLine> badLines) {
  private static final Key<String> OUTPUT_FILE_NAME = Key.of("output_file_name", ValueType.text());

  /** What a JSON line may set. */
  private static final Catalog LINE = RequestKeys.ALL.and(OUTPUT_FILE_NAME);

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  public BatchFile {
    items = List.copyOf(items);
    badLines = List.copyOf(badLines);
  }

  /**
   * @throws ConfigException when the file cannot be read as UTF-8 text or has no line
   */
  public static BatchFile read(Path file, BatchDefaults defaults) {
    List<String> lines = lines(file);
    boolean json = file.toString().toLowerCase(Locale.ROOT).endsWith(".jsonl");
    List<BatchItem> items = new ArrayList<>();
    List<BadLine> bad = new ArrayList<>();
    Map<String, Integer> lineOfName = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String text = lines.get(i).strip();
      if (text.isEmpty()) {
        continue;
      }
      int number = i + 1;
      try {
        Values line = json ? json(text) : Values.of(RequestKeys.PROMPT, text);
        List<BatchItem> made = items(number, line, defaults);
        for (BatchItem item : made) {
          for (String name : item.fileNames()) {
            Integer other = lineOfName.putIfAbsent(name, number);
            if (other != null) {
              throw new ConfigException(
                  "its picture '" + name + "' is already that of line " + other);
            }
          }
        }
        items.addAll(made);
      } catch (IllegalArgumentException e) {
        bad.add(new BadLine(number, e.getMessage()));
      }
    }
    if (items.isEmpty() && bad.isEmpty()) {
      throw new ConfigException("--prompt-path " + file + " holds no prompt");
    }
    return new BatchFile(items, bad);
  }

  private static List<String> lines(Path file) {
    try {
      List<String> lines = new ArrayList<>(Files.readAllLines(file, StandardCharsets.UTF_8));
      if (!lines.isEmpty() && lines.get(0).startsWith("\uFEFF")) {
        lines.set(0, lines.get(0).substring(1));
      }
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

  /**
   * @throws ConfigException saying what is wrong with the line
   */
  private static Values json(String text) {
    JsonNode node;
    try {
      node = JSON.readTree(text);
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
    Values line = LINE.read(node, "");
    if (!line.isSet(RequestKeys.PROMPT)) {
      throw new ConfigException("the key 'prompt' is missing");
    }
    return line;
  }

  private static List<BatchItem> items(int number, Values line, BatchDefaults defaults) {
    List<Long> seeds =
        line.isSet(RequestKeys.SEED) ? List.of(line.get(RequestKeys.SEED)) : defaults.seeds();
    Values request = line.without(OUTPUT_FILE_NAME).over(defaults.request());
    int outputs = seeds.size() > 1 ? 1 : request.get(RequestKeys.NUM_OUTPUTS_PER_PROMPT);
    String name = name(number, line, defaults);
    String key = String.format(Locale.ROOT, "%05d", number);
    List<BatchItem> items = new ArrayList<>();
    for (int s = 0; s < seeds.size(); s++) {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < outputs; i++) {
        names.add(OutputNames.indexed(name, s + i, seeds.size() * outputs));
      }
      items.add(
          new BatchItem(
              seeds.size() > 1 ? key + "-" + s : key,
              number,
              request
                  .with(RequestKeys.SEED, seeds.get(s))
                  .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, outputs),
              names));
    }
    return items;
  }

  private static String name(int number, Values line, BatchDefaults defaults) {
    if (line.isSet(OUTPUT_FILE_NAME)) {
      return OutputNames.picture("output_file_name", line.get(OUTPUT_FILE_NAME));
    }
    return defaults.fileName() != null
        ? OutputNames.numbered(defaults.fileName(), number)
        : OutputNames.ofLine(number, line.get(RequestKeys.PROMPT), "png");
  }
}
