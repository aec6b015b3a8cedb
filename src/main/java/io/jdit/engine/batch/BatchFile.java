package io.jdit.engine.batch;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import io.jdit.media.OutputKind;
import io.jdit.media.OutputNames;
import io.jdit.pipeline.RequestKeys;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * A file of prompts: each line is one, or a JSON object of parameters ({@link PromptLines}). Empty
 * lines count but say nothing. The names of the pictures depend on the line alone, so that a run
 * that goes on finds what the one before it made.
 *
 * @param items in the order of the file
 * @param badLines the lines that cannot be run
 */
public record BatchFile(List<BatchItem> items, List<BadLine> badLines) {
  private static final Key<String> OUTPUT_FILE_NAME = Key.of("output_file_name", ValueType.text());

  /** What a JSON line may set. */
  private static final Catalog LINE = RequestKeys.ALL.and(OUTPUT_FILE_NAME);

  public BatchFile {
    items = List.copyOf(items);
    badLines = List.copyOf(badLines);
  }

  /**
   * @throws ConfigException when the file cannot be read as UTF-8 text or has no line
   */
  public static BatchFile read(Path file, BatchDefaults defaults) {
    List<String> lines = PromptLines.read(file);
    boolean objects = PromptLines.areObjects(file, lines);
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
        JsonNode object = PromptLines.object(text, objects);
        Values line = object == null ? Values.of(RequestKeys.PROMPT, text) : parameters(object);
        List<BatchItem> made = items(number, line, defaults);
        for (BatchItem item : made) {
          for (String name : item.fileNames()) {
            OutputNames.requireFits(OUTPUT_FILE_NAME.name(), name);
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

  private static Values parameters(JsonNode object) {
    Values line = LINE.read(object, "");
    if (!line.isSet(RequestKeys.PROMPT)) {
      throw new ConfigException("the key 'prompt' is missing");
    }
    return line;
  }

  private static List<BatchItem> items(int number, Values line, BatchDefaults defaults) {
    List<BigInteger> seeds =
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
      return OutputNames.file("output_file_name", line.get(OUTPUT_FILE_NAME), defaults.kind());
    }
    if (defaults.fileName() != null) {
      return OutputNames.numbered(defaults.fileName(), number);
    }
    OutputKind kind = defaults.kind() == null ? OutputKind.PICTURE : defaults.kind();
    return OutputNames.ofLine(number, line.get(RequestKeys.PROMPT), kind.extension());
  }
}
