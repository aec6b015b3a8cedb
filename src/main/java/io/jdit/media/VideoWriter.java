package io.jdit.media;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * Writes a video frame by frame. The file appears under its name when it is complete; closing a
 * writer that is not finished leaves nothing.
 */
public interface VideoWriter extends AutoCloseable {
  /**
   * How a video is written.
   *
   * @param fps frames per second
   * @param quality 0 to 10, smallest to best; 5 is what diffusers writes
   */
  record Settings(int fps, double quality) {
    public Settings {
      if (fps < 1 || !(quality >= 0 && quality <= 10)) {
        throw new IllegalArgumentException(
            fps + " frames per second at quality " + quality + ", expected >= 1 and 0 to 10");
      }
    }
  }

  /**
   * Begins a video in the format that its name asks for: {@code .mp4} (H.264), {@code .webp},
   * {@code .gif}, or a folder of PNG files where it ends in a slash.
   *
   * @param target file, or folder
   * @param folder whether {@code target} is to be a folder
   * @param texts keyword to text: each for a PNG, in all other files {@code settings} as a comment
   * @throws IOException when it cannot be written
   */
  static VideoWriter open(Path target, boolean folder, Settings settings, Map<String, String> texts)
      throws IOException {
    if (folder) {
      return FrameFolder.open(target, texts);
    }
    String comment = texts.getOrDefault("settings", "");
    String name = target.getFileName().toString().toLowerCase(Locale.ROOT);
    VideoEncoding encoding = VideoEncoding.of(name.substring(name.lastIndexOf('.') + 1));
    return new EncodedVideo(target, encoding, settings, comment);
  }

  /**
   * The next frame; all have the size of the first.
   *
   * @throws IOException when it cannot be encoded or written
   */
  void write(Picture frame) throws IOException;

  /** Completes the file and gives it its name. */
  void finish() throws IOException;

  @Override
  void close();
}
