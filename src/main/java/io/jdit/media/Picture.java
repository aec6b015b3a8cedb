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
}
