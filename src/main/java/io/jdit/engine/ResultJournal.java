package io.jdit.engine;

import io.jdit.cache.forecast.Notes;
import io.jdit.cache.forecast.ProfileFile;
import io.jdit.media.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Results of a long task, line by line in a file, so that one that was killed goes on where it was.
 * A file of another task is begun anew.
 */
final class ResultJournal implements Notes {
  private final Path file;
  private final List<String> lines = new ArrayList<>();
  private boolean begun;
  private int read = 1;

  /**
   * @param file beside what the task makes
   * @param task what the results are of, in one line
   */
  ResultJournal(Path file, String task) throws IOException {
    this.file = file;
    if (Files.exists(file)) {
      String text = Files.readString(file, StandardCharsets.UTF_8);
      // The last line may be torn.
      lines.addAll(text.substring(0, text.lastIndexOf('\n') + 1).lines().toList());
    }
    if (lines.isEmpty() || !lines.get(0).equals(task)) {
      lines.clear();
      lines.add(task);
    }
  }

  /** The journal beside a file. */
  static Path beside(Path file) {
    return file.resolveSibling(file.getFileName() + ".progress");
  }

  List<String> results() {
    return List.copyOf(lines.subList(1, lines.size()));
  }

  void add(String result) throws IOException {
    lines.add(result);
    if (begun) {
      Files.writeString(file, result + "\n", StandardCharsets.UTF_8, StandardOpenOption.APPEND);
    } else {
      String text = String.join("\n", lines) + "\n";
      AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
      begun = true;
    }
  }

  @Override
  public <T> T next(Class<T> type, Supplier<T> make) {
    if (read < lines.size()) {
      return ProfileFile.parse(lines.get(read++), type);
    }
    T made = make.get();
    try {
      add(ProfileFile.line(made));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    read++;
    return made;
  }

  /** The task is done. */
  void delete() throws IOException {
    Files.deleteIfExists(file);
  }
}
