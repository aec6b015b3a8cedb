package io.jdit.engine;

import io.jdit.media.JpegWriter;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Writes a picture in the format that its name asks for. */
final class PictureFile {
  private static final int JPEG_QUALITY = 90;

  private PictureFile() {}

  /**
   * @param quality 0 to 100 of a JPEG; null for the usual
   * @param texts from {@link Provenance#texts}; a JPEG keeps the settings only
   */
  static void write(Path file, Picture picture, Integer quality, Map<String, String> texts)
      throws IOException {
    if (file.toString().toLowerCase(Locale.ROOT).endsWith(".png")) {
      PngWriter.write(file, picture, texts);
    } else {
      JpegWriter.write(
          file,
          picture,
          quality == null ? JPEG_QUALITY : quality,
          texts.getOrDefault("settings", ""));
    }
  }
}
