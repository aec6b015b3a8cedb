package io.jdit.media;

/** Draws a picture with coloured half blocks for terminals that know 24-bit colours. */
public final class TerminalPreview {
  private static final char UPPER_HALF = '\u2580';
  private static final String RESET = "\u001b[0m";

  private TerminalPreview() {}

  /**
   * The picture in {@code columns} characters a line (fewer if it has fewer pixels), two pixel rows
   * to a line, each line with a line feed at its end. A cell's upper half is the foreground, its
   * lower half the background colour.
   */
  public static String render(Picture picture, int columns) {
    if (columns < 1) {
      throw new IllegalArgumentException("columns " + columns + ", expected at least 1");
    }
    int width = Math.min(columns, picture.width());
    int height = Math.max(1, Math.round((float) picture.height() * width / picture.width()));
    Picture small = Thumbnail.of(picture, width, height);
    StringBuilder text = new StringBuilder();
    for (int y = 0; y < height; y += 2) {
      for (int x = 0; x < width; x++) {
        colour(text, 38, small, x, y);
        if (y + 1 < height) {
          colour(text, 48, small, x, y + 1);
        }
        text.append(UPPER_HALF);
      }
      text.append(RESET).append('\n');
    }
    return text.toString();
  }

  private static void colour(StringBuilder text, int code, Picture picture, int x, int y) {
    text.append("\u001b[").append(code).append(";2");
    int at = 3 * (y * picture.width() + x);
    for (int c = 0; c < 3; c++) {
      text.append(';').append(picture.rgb()[at + c] & 0xff);
    }
    text.append('m');
  }
}
