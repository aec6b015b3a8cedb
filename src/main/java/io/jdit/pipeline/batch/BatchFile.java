package io.jdit.pipeline.batch;

import io.jdit.config.ConfigException;
import io.jdit.media.OutputNames;
import io.jdit.pipeline.GenerationRequest;
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

/**
 * A file of prompts: one per line, or with the extension {@code .jsonl} one JSON object per line.
 * Empty lines count but say nothing. The names of the pictures depend on the line alone, so that a
 * run that goes on finds what the one before it made.
 *
 * @param items in the order of the file
 * @param badLines the lines that cannot be run
 */
public record BatchFile(List<BatchItem> items, List<BadLine> badLines) {
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
        BatchLine line = json ? BatchLine.json(text) : BatchLine.text(text);
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

  private static List<BatchItem> items(int number, BatchLine line, BatchDefaults defaults) {
    List<Long> seeds = line.seed() != null ? List.of(line.seed()) : defaults.seeds();
    int images = seeds.size() > 1 ? 1 : or(line.numOutputsPerPrompt(), defaults.request().images());
    String name = name(number, line, defaults);
    String key = String.format(Locale.ROOT, "%05d", number);
    List<BatchItem> items = new ArrayList<>();
    for (int s = 0; s < seeds.size(); s++) {
      GenerationRequest request = request(line, defaults.request(), seeds.get(s), images);
      List<String> names = new ArrayList<>();
      for (int i = 0; i < images; i++) {
        names.add(OutputNames.indexed(name, s + i, seeds.size() * images));
      }
      items.add(new BatchItem(seeds.size() > 1 ? key + "-" + s : key, number, request, names));
    }
    return items;
  }

  private static GenerationRequest request(
      BatchLine line, GenerationRequest defaults, long seed, int images) {
    return GenerationRequest.of(line.prompt())
        .prompt2(or(line.prompt2(), defaults.prompt2()))
        .negativePrompt(or(line.negativePrompt(), defaults.negativePrompt()))
        .trueCfgScale(or(line.trueCfgScale(), defaults.trueCfgScale()))
        .guidanceScale(or(line.guidanceScale(), defaults.guidanceScale()))
        .height(or(line.height(), defaults.height()))
        .width(or(line.width(), defaults.width()))
        .steps(or(line.numInferenceSteps(), defaults.numInferenceSteps()))
        .maxSequenceLength(or(line.maxSequenceLength(), defaults.maxSequenceLength()))
        .seed(seed)
        .images(images)
        .build();
  }

  private static String name(int number, BatchLine line, BatchDefaults defaults) {
    if (line.outputFileName() != null) {
      return OutputNames.picture("output_file_name", line.outputFileName());
    }
    return defaults.fileName() != null
        ? OutputNames.numbered(defaults.fileName(), number)
        : OutputNames.ofLine(number, line.prompt(), "png");
  }

  private static <T> T or(T value, T otherwise) {
    return value != null ? value : otherwise;
  }
}
