package io.jdit.media;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** How a camera was held: the tag Orientation of EXIF (CIPA DC-008, section 4.6.4). */
final class Orientation {
  /** Of a picture that is stored as it is seen. */
  static final int UPRIGHT = 1;

  private static final int TAG = 0x0112;
  private static final int LITTLE_ENDIAN = 0x4949;
  private static final int BIG_ENDIAN = 0x4d4d;
  private static final int ENTRY_BYTES = 12;
  private static final int VALUE_IN_ENTRY = 8;

  private Orientation() {}

  /**
   * @param tiff the EXIF data, from its byte order on
   * @return 1 to 8; upright where the data is damaged or says nothing, as other readers take it
   */
  static int read(byte[] tiff) {
    try {
      ByteBuffer b = ByteBuffer.wrap(tiff);
      int order = b.getShort(0);
      if (order != LITTLE_ENDIAN && order != BIG_ENDIAN) {
        return UPRIGHT;
      }
      b.order(order == LITTLE_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
      int at = b.getInt(4);
      for (int entries = b.getShort(at), i = 0; i < entries; i++) {
        int entry = at + 2 + ENTRY_BYTES * i;
        if (b.getShort(entry) == TAG) {
          int value = b.getShort(entry + VALUE_IN_ENTRY);
          return value >= 1 && value <= 8 ? value : UPRIGHT;
        }
      }
    } catch (IndexOutOfBoundsException | BufferUnderflowException e) {
      return UPRIGHT;
    }
    return UPRIGHT;
  }

  /** The picture as it is seen. */
  static Picture upright(Picture stored, int orientation) {
    if (orientation == UPRIGHT) {
      return stored;
    }
    boolean swapped = orientation >= 5;
    boolean fromRight = orientation == 2 || orientation == 3 || orientation >= 7;
    boolean fromBottom =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int width = stored.width();
    int height = stored.height();
    int seenWidth = swapped ? height : width;
    int seenHeight = swapped ? width : height;
    byte[] rgb = new byte[stored.rgb().length];
    for (int y = 0, at = 0; y < seenHeight; y++) {
      for (int x = 0; x < seenWidth; x++, at += 3) {
        int column = swapped ? y : x;
        int row = swapped ? x : y;
        column = fromRight ? width - 1 - column : column;
        row = fromBottom ? height - 1 - row : row;
        System.arraycopy(stored.rgb(), 3 * (row * width + column), rgb, at, 3);
      }
    }
    return new Picture(seenWidth, seenHeight, rgb);
  }
}
