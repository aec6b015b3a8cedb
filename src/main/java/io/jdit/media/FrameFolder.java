package io.jdit.media;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

/** A video as a folder of PNG files, {@code frame_00000.png} and on. */
final class FrameFolder implements VideoWriter {
  private static final String FRAME = "frame_\\d{5,}\\.png";

  private final Path target;
  private final Path temporary;
  private final Map<String, String> texts;
  private int frames;

  private FrameFolder(Path target, Path temporary, Map<String, String> texts) {
    this.target = target;
    this.temporary = temporary;
    this.texts = texts;
  }

  /**
   * @throws IOException when the folder exists and holds anything but frames
   */
  static FrameFolder open(Path target, Map<String, String> texts) throws IOException {
    if (Files.exists(target)) {
      for (Path file : files(target)) {
        if (!file.getFileName().toString().matches(FRAME)) {
          throw new IOException(
              "folder " + target + " exists and holds other files, first " + file.getFileName());
        }
      }
    }
    Path parent = target.toAbsolutePath().getParent();
    Path temporary = parent.resolve(".jdit-" + UUID.randomUUID() + ".tmp");
    Files.createDirectories(temporary);
    return new FrameFolder(target, temporary, texts);
  }

  @Override
  public void write(Picture frame) throws IOException {
    String name = String.format(Locale.ROOT, "frame_%05d.png", frames++);
    PngWriter.write(temporary.resolve(name), frame, texts);
  }

  @Override
  public void finish() throws IOException {
    if (frames == 0) {
      throw new IOException(target + " got no frame");
    }
    if (Files.exists(target)) {
      delete(target);
    }
    Files.move(temporary, target);
  }

  @Override
  public void close() {
    try {
      if (Files.exists(temporary)) {
        delete(temporary);
      }
    } catch (IOException e) {
      // The video is given up already; its temporary folder is all that is left of it.
      temporary.toFile().deleteOnExit();
    }
  }

  private static void delete(Path folder) throws IOException {
    for (Path file : files(folder)) {
      Files.delete(file);
    }
    Files.delete(folder);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
