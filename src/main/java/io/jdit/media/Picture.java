package io.jdit.media;

/**
 * Pixels of a picture.
 *
 * @param width in pixels
 * @param height in pixels
 * @param rgb [height, width, 3], 8 bits per channel, row by row
 */
public record Picture(int width, int height, byte[] rgb) {
  public Picture {
    if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          "picture "
              + width
              + "x"
              + height
              + " with "
              + rgb.length
              + " bytes, expected 3 bytes per pixel");
    }
  }

  /** The middle of this picture; itself when it has that size. */
  public Picture middle(int innerWidth, int innerHeight) {
    if (innerWidth == width && innerHeight == height) {
      return this;
    }
    byte[] inner = new byte[3 * innerWidth * innerHeight];
    int left = (width - innerWidth) / 2;
    int top = (height - innerHeight) / 2;
    for (int y = 0; y < innerHeight; y++) {
      int from = 3 * ((top + y) * width + left);
      System.arraycopy(rgb, from, inner, 3 * y * innerWidth, 3 * innerWidth);
    }
    return new Picture(innerWidth, innerHeight, inner);
  }
}
