package io.jdit.cli;

import io.jdit.config.ConfigException;
import io.jdit.engine.Output;
import io.jdit.engine.OutputQuality;
import io.jdit.media.OutputKind;
import io.jdit.media.OutputNames;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Where results go. */
final class OutputOptions {
  /** When the picture is drawn in the terminal. */
  enum Preview {
    AUTO,
    ON,
    OFF
  }

  @Option(
      names = "--output-path",
      paramLabel = "DIR",
      defaultValue = "outputs",
      description = "Folder of the pictures. Default: ${DEFAULT-VALUE}.")
  Path outputPath;

  @Option(
      names = "--output-file-name",
      paramLabel = "NAME",
      description =
          "File name: .png, .jpg or .webp; of videos .mp4, .webp, .gif, or NAME/ for a folder of PNG files; several get _0, _1, ... Default: prompt, time and a hash.")
  String outputFileName;

  @Option(
      names = "--output-file-path",
      paramLabel = "FILE",
      description = "Folder and name in one.")
  Path outputFilePath;

  @Option(
      names = "--output-quality",
      paramLabel = "Q",
      description =
          "Of JPEG files and videos: low, medium, high, maximum or 0 to 100. Default: 90 for JPEG, 50 for videos.",
      converter = Quality.class)
  Integer outputQuality;

  @Option(
      names = "--perf-dump-path",
      paramLabel = "FILE",
      description = "Write times, memory, settings and files as JSON.")
  Path perfDumpPath;

  @Option(
      names = "--save-latents",
      paramLabel = "FILE",
      description =
          "Write the final latents as the denoiser holds them (tensor 'latents', float32) as safetensors; several generations get _0, _1, ...")
  Path saveLatents;

  @Option(
      names = "--cache-report",
      paramLabel = "FILE.html",
      description =
          "Write one page with the residual differences per step, the cached steps, times and the picture; several generations get _0, _1, ...")
  Path cacheReport;

  @Option(
      names = "--preview",
      defaultValue = "auto",
      description =
          "Draw the picture in the terminal: auto, on or off. Default: ${DEFAULT-VALUE}, on a colour terminal.")
  Preview preview;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  boolean quiet;

  @Option(names = "--verbose", description = "Print more, and stack traces of errors.")
  boolean verbose;

  /**
   * Checks that the folder can be written, before a model is loaded.
   *
   * @throws IllegalArgumentException naming the folder and the reason
   */
  void prepare() {
    if (quiet && verbose) {
      throw new IllegalArgumentException("--quiet and --verbose exclude each other");
    }
    if (outputFilePath != null) {
      if (outputFileName != null) {
        throw new IllegalArgumentException(
            "--output-file-path and --output-file-name exclude each other");
      }
      Path absolute = outputFilePath.toAbsolutePath();
      outputPath = absolute.getParent();
      outputFileName = absolute.getFileName().toString();
    }
    if (outputFileName != null) {
      OutputNames.file("--output-file-name", outputFileName, null);
    }
    requireWritable("--output-path", outputPath);
    requireWritableParent("--perf-dump-path", perfDumpPath);
    requireWritableParent("--save-latents", saveLatents);
    requireWritableParent("--cache-report", cacheReport);
  }

  static void requireWritableParent(String option, Path file) {
    if (file != null) {
      if (Files.isDirectory(file)) {
        throw new IllegalArgumentException(
            option + " " + file + " is a folder, expected a file name");
      }
      requireWritable(option, file.toAbsolutePath().getParent());
    }
  }

  private static void requireWritable(String option, Path folder) {
    try {
      Files.createDirectories(folder);
      Path probe = Files.createTempFile(folder, ".jdit", ".tmp");
      Files.delete(probe);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          option + ": folder " + folder + " cannot be written (" + reason(e) + "): choose another");
    }
  }

  private static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    boolean detailed = e instanceof FileSystemException f && f.getReason() != null;
    return detailed ? ((FileSystemException) e).getReason() : "a part of the path is not a folder";
  }

  /**
   * The name that the user gave, as that of a file of {@code kind}; null without one.
   *
   * @throws IllegalArgumentException when it is not one of that kind
   */
  String fileName(OutputKind kind) {
    return outputFileName == null
        ? null
        : OutputNames.file("--output-file-name", outputFileName, kind);
  }

  /** Where the results of a run go. */
  Output output(OutputKind kind) {
    return new Output(
        kind, outputPath, fileName(kind), outputQuality, saveLatents, cacheReport, perfDumpPath);
  }

  private static final class Quality implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String text) {
      try {
        return OutputQuality.parse(text);
      } catch (ConfigException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
