package io.jdit.engine;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.media.AtomicFile;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.ComponentReport;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.quant.QuantizedTensors;
import io.jdit.tensor.DType;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes a model folder with some layers quantized; only one layer is in memory at a time. */
public final class QuantizedCopy {
  private static final String SETTINGS = "quantization_config";
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private final ModelFolder model;
  private final QuantizeConfig config;
  private final String variant;
  private final Consumer<String> notes;

  /**
   * @param variant of the weights, such as {@code fp16}; empty for none
   * @param notes takes lines for the user
   */
  public QuantizedCopy(Path folder, QuantizeConfig config, String variant, Consumer<String> notes) {
    this.model = ModelFolder.open(folder);
    this.config = config;
    this.variant = variant;
    this.notes = notes;
  }

  /**
   * Writes the copy.
   *
   * @param target a folder that is not there, or is empty; complete or not there afterwards
   * @throws IllegalArgumentException when it is not, when the settings match no layer, and when a
   *     component is quantized already
   */
  public void write(Path target) throws IOException {
    requireFree(target);
    Strategies strategies =
        Strategies.cpu().withDtype(DType.BFLOAT16).withFormats(Quantization.of(config));
    Quantization formats = (Quantization) Quantization.at(model, variant, strategies.formats());
    for (String component : model.components().keySet()) {
      if (formats.isStored(component) && config.plan(component) != null) {
        throw new IllegalArgumentException(
            component + " of " + model.path() + " is quantized already: take the original model");
      }
    }
    Map<String, ComponentReport> reports =
        QuantizationSurvey.of(model, strategies.withFormats(formats));
    Path whole = target.toAbsolutePath();
    Path temporary = whole.resolveSibling(".jdit-" + UUID.randomUUID() + ".tmp");
    try {
      copyFiles(model.path(), temporary, name -> !name.endsWith(".safetensors"));
      for (String component : model.components().keySet()) {
        Path from = model.path().resolve(component);
        ComponentReport report = reports.get(component);
        if (report != null && !formats.isStored(component)) {
          notes.accept("quantizing " + component);
          quantize(from, temporary.resolve(component), report);
        } else if (Files.isDirectory(from)) {
          notes.accept("copying " + component);
          copyFiles(from, temporary.resolve(component), name -> true);
        }
      }
      Files.deleteIfExists(whole); // an empty folder
      Files.move(temporary, whole);
    } finally {
      delete(temporary);
    }
    reports.values().forEach(r -> r.lines().forEach(notes));
  }

  private static void requireFree(Path target) throws IOException {
    if (Files.exists(target)) {
      boolean empty = false;
      if (Files.isDirectory(target)) {
        try (Stream<Path> files = Files.list(target)) {
          empty = files.findAny().isEmpty();
        }
      }
      if (!empty) {
        throw new IllegalArgumentException(
            "--output-path " + target + " is there already: give a new or empty folder");
      }
    }
  }

  private void quantize(Path from, Path to, ComponentReport report) throws IOException {
    copyFiles(from, to, name -> !isWeights(name) && !name.equals("config.json"));
    ObjectNode settings =
        ((ObjectNode) ModelConfig.read(from.resolve("config.json")).json()).deepCopy();
    settings.set(SETTINGS, QuantizedTensors.settings(report));
    AtomicFile.write(to.resolve("config.json"), JSON.writeValueAsBytes(settings));
    try (Checkpoint checkpoint = Checkpoint.open(from, variant)) {
      List<SafeTensorsFile> files = checkpoint.files();
      String base = base(files.get(0));
      ObjectNode index = JSON.createObjectNode();
      ObjectNode places = JSON.createObjectNode();
      long bytes = 0;
      for (int i = 0; i < files.size(); i++) {
        String name =
            files.size() == 1
                ? base + ".safetensors"
                : String.format(
                    Locale.ROOT, "%s-%05d-of-%05d.safetensors", base, i + 1, files.size());
        try (QuantizedTensors tensors =
            new QuantizedTensors(checkpoint, files.get(i), report.quantized())) {
          for (SafeTensorsWriter.Entry e : tensors.entries()) {
            places.put(e.name(), name);
            bytes += e.bytes();
          }
          tensors.write(to.resolve(name));
        }
      }
      if (files.size() > 1) {
        index.putObject("metadata").put("total_size", bytes);
        index.set("weight_map", places);
        AtomicFile.write(
            to.resolve(base + ".safetensors.index.json"), JSON.writeValueAsBytes(index));
      }
    }
  }

  /** Name of a component's weights without variant and shard. */
  private static String base(SafeTensorsFile file) {
    return file.path().getFileName().toString().replaceFirst("[.-].*", "");
  }

  private static boolean isWeights(String name) {
    return name.matches(".*\\.(safetensors|bin|pt|pth|ckpt|gguf|msgpack|h5|index(\\..+)?\\.json)")
        || name.contains(".safetensors.index");
  }

  /** Copies the files of a folder, those in its folders too unless it is the model's own. */
  private void copyFiles(Path from, Path to, Predicate<String> names) throws IOException {
    int depth = from.equals(model.path()) ? 1 : Integer.MAX_VALUE;
    Files.createDirectories(to);
    try (Stream<Path> files = Files.walk(from, depth, FileVisitOption.FOLLOW_LINKS)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        Path copy = to.resolve(from.relativize(file).toString());
        if (names.test(file.getFileName().toString())) {
          Files.createDirectories(copy.getParent());
          Files.copy(file, copy);
        }
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }
}
