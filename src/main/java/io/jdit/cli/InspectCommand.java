package io.jdit.cli;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Quantizer;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.StoredType;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.media.PngText;
import io.jdit.metrics.Psnr;
import io.jdit.quant.StoredLayers;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** {@code jdit inspect}: what a model folder, a checkpoint file or a picture is. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    description =
        "Prints the parts of a model folder, the tensors of a .safetensors file, or how a picture was made.")
final class InspectCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "DIR|FILE",
      description = "A model folder, a .safetensors file or a .png picture.")
  private String path;

  @Option(
      names = "--against",
      paramLabel = "FILE",
      description = "Of a picture: how far it is from another one of the same size.")
  private Path against;

  @Option(
      names = "--psnr-at-least",
      paramLabel = "DB",
      description = "With --against: exit code 1 when it is further away than that.")
  private Double leastPsnr;

  @Mixin private HubOptions hub;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Path file = Path.of(path);
    if (against != null) {
      return difference(file, out);
    }
    if (leastPsnr != null) {
      throw new IllegalArgumentException("--psnr-at-least needs --against");
    }
    if (path.toLowerCase(Locale.ROOT).endsWith(".png")) {
      picture(file, out);
    } else if (path.endsWith(".safetensors")) {
      try (SafeTensorsFile tensors = SafeTensorsFile.open(file)) {
        tensors.metadata().forEach((k, v) -> out.println(k + ": " + v));
        int width =
            tensors.names().stream()
                .mapToInt(name -> tensors.info(name).type().name().length())
                .max()
                .orElse(1);
        for (String name : tensors.names()) {
          TensorInfo t = tensors.info(name);
          out.printf("%-" + width + "s  %-24s %s%n", t.type(), Arrays.toString(t.shape()), name);
        }
      }
    } else if (Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          "file "
              + path
              + " cannot be inspected: expected a .png picture, a .safetensors file or a model folder");
    } else {
      Terminal terminal = Terminal.of(out, spec.commandLine().getErr(), false, System.getenv());
      folder(ModelFolder.open(hub.find(path, terminal)), out);
    }
    return ExitCode.OK;
  }

  private int difference(Path file, PrintWriter out) throws IOException {
    Picture a = PictureReader.read(file);
    Picture b = PictureReader.read(against);
    if (a.width() != b.width() || a.height() != b.height()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s has %d x %d pixels and %s %d x %d: only pictures of one size can be compared",
              file,
              a.width(),
              a.height(),
              against,
              b.width(),
              b.height()));
    }
    int largest = 0;
    for (int i = 0; i < a.rgb().length; i++) {
      largest = Math.max(largest, Math.abs((a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff)));
    }
    double psnr = Psnr.of(a.rgb(), b.rgb());
    boolean near = leastPsnr == null || psnr >= leastPsnr;
    out.printf(
        Locale.ROOT,
        "PSNR %.1f dB%s, largest difference %d of 255%n",
        psnr,
        leastPsnr == null ? "" : String.format(Locale.ROOT, " of at least %.1f", leastPsnr),
        largest);
    return near ? ExitCode.OK : ExitCode.FAILED;
  }

  private static void picture(Path file, PrintWriter out) throws IOException {
    Map<String, String> texts = PngText.read(file);
    if (texts.isEmpty()) {
      out.println(file + " carries no text");
    }
    texts.forEach((k, v) -> out.println(k + ": " + v));
  }

  private void folder(ModelFolder model, PrintWriter out) {
    out.println(model.className() + " in " + model.path());
    for (Map.Entry<String, String> part : model.components().entrySet()) {
      Path folder = model.path().resolve(part.getKey());
      out.println();
      out.println(part.getKey() + ": " + part.getValue());
      for (String name : new String[] {"config.json", "scheduler_config.json"}) {
        if (Files.exists(folder.resolve(name))) {
          config(ModelConfig.read(folder.resolve(name)), out);
        }
      }
      if (Files.exists(folder.resolve("config.json"))) {
        try (Checkpoint checkpoint = Checkpoint.open(folder, hub.variant())) {
          weights(checkpoint, checkpoint.files().size(), out);
          quantized(checkpoint, out);
          Quantizer.of(folder, checkpoint)
              .ifPresent(q -> out.println("  quantized by " + q + ", which is not supported"));
        }
      }
    }
  }

  private static void quantized(Checkpoint checkpoint, PrintWriter out) {
    try {
      StoredLayers.of(checkpoint)
          .types()
          .forEach((type, n) -> out.println("  quantized: " + n + " layers " + type.text()));
    } catch (ModelFormatException e) {
      out.println("  quantized: " + e.getMessage());
    }
  }

  private static void config(ModelConfig config, PrintWriter out) {
    for (Map.Entry<String, JsonNode> e : config.json().properties()) {
      if (!e.getKey().startsWith("_") && !e.getValue().isNull()) {
        out.println("  " + e.getKey() + " = " + e.getValue());
      }
    }
  }

  private static void weights(TensorSource source, int files, PrintWriter out) {
    Map<StoredType, Long> elements = new TreeMap<>();
    long bytes = 0;
    for (String name : source.names()) {
      TensorInfo t = source.info(name);
      elements.merge(t.type(), t.elements(), Long::sum);
      bytes += t.bytes();
    }
    StringBuilder types = new StringBuilder();
    elements.forEach(
        (d, n) ->
            types
                .append(types.isEmpty() ? "" : ", ")
                .append(String.format(Locale.ROOT, "%,d %s", n, d.text())));
    out.printf(
        Locale.ROOT,
        "  weights: %d tensors in %d files, %s, %.1f MB%n",
        source.names().size(),
        files,
        types,
        bytes / 1e6);
  }
}
