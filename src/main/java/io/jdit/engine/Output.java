package io.jdit.engine;

import io.jdit.media.OutputKind;
import io.jdit.media.OutputNames;
import io.jdit.pipeline.Request;
import java.nio.file.Path;
import java.time.LocalDateTime;

/**
 * Where results go, and how.
 *
 * @param kind of the results
 * @param folder of the pictures
 * @param fileName plain name that several pictures share with a number; null for the prompt's words
 * @param quality 0 to 100 of JPEG files and videos; null for what is usual
 * @param latents file of the final latents, or null; several generations get a number each
 * @param cacheReport page of what the cache did, or null; several generations get a number each
 * @param perfDump file of times, memory and settings as JSON, or null
 */
public record Output(
    OutputKind kind,
    Path folder,
    String fileName,
    Integer quality,
    Path latents,
    Path cacheReport,
    Path perfDump) {

  /** Name in the folder of output {@code index} of {@code count}. */
  String name(Request request, LocalDateTime time, int index, int count) {
    String parameters = request.values() + "" + index;
    String name =
        fileName != null
            ? fileName
            : OutputNames.generated(request.prompt(), time, parameters, kind.extension());
    return OutputNames.indexed(name, index, count);
  }

  /**
   * Checks the names that {@code generations} and their {@code pictures} lead to, before they are
   * drawn.
   *
   * @throws IllegalArgumentException when file systems refuse one of them
   */
  void requireNames(int generations, int pictures) {
    if (fileName != null) {
      OutputNames.requireFits(
          "--output-file-name", OutputNames.indexed(fileName, pictures - 1, pictures));
    }
    if (latents != null) {
      requireFits("--save-latents", latents, generations);
    }
    if (cacheReport != null) {
      requireFits("--cache-report", cacheReport, generations);
    }
    if (perfDump != null) {
      requireFits("--perf-dump-path", perfDump, 1);
    }
  }

  private static void requireFits(String option, Path file, int count) {
    OutputNames.requireFits(option, numbered(file, count - 1, count).getFileName().toString());
  }

  /** {@code file} for generation {@code index} of {@code count}. */
  static Path numbered(Path file, int index, int count) {
    return file.resolveSibling(OutputNames.indexed(file.getFileName().toString(), index, count));
  }
}
