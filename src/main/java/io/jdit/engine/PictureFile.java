package io.jdit.engine;

import io.jdit.media.JpegWriter;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.media.VideoWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Writes a picture in the format that its name asks for. */
final class PictureFile {
  private static final int USUAL_QUALITY = 90;

  private PictureFile() {}

  /**
   * @param quality 0 to 100 of JPEG and WebP; null for the usual
   * @param texts from {@link Provenance#texts}; JPEG keeps the settings only, WebP none
   */
  static void write(Path file, Picture picture, Integer quality, Map<String, String> texts)
      throws IOException {
    String name = file.toString().toLowerCase(Locale.ROOT);
    int level = quality == null ? USUAL_QUALITY : quality;
    if (name.endsWith(".png")) {
      PngWriter.write(file, picture, texts);
    } else if (name.endsWith(".webp")) {
      // A video of one frame is a picture.
      try (VideoWriter writer =
          VideoWriter.open(file, false, new VideoWriter.Settings(1, level / 10.0), texts)) {
        writer.write(picture);
        writer.finish();
      }
    } else {
      JpegWriter.write(file, picture, level, texts.getOrDefault("settings", ""));
    }
  }
}
