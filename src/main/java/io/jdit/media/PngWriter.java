package io.jdit.media;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/**
 * Writes pictures as PNG: 8-bit RGB with text chunks ahead of the pixels, so that a reader finds
 * them at once.
 */
public final class PngWriter {
  private static final int BYTES_PER_PIXEL = 3;
  private static final int FILTERS = 5;
  private static final int MAX_KEYWORD = 79;

  private PngWriter() {}

  /**
   * Writes the file, replacing one of the same name; on failure nothing of it is left.
   *
   * @param texts keyword to text, written in this order: tEXt where Latin-1 suffices, else iTXt
   * @throws IllegalArgumentException if a keyword is not 1 to 79 printable Latin-1 characters
   */
  public static void write(Path file, Picture picture, Map<String, String> texts)
      throws IOException {
    AtomicFile.write(file, encode(picture, texts));
  }

  /** The bytes of the PNG file. */
  public static byte[] encode(Picture picture, Map<String, String> texts) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write(PngText.SIGNATURE);
    chunk(out, "IHDR", header(picture));
    for (Map.Entry<String, String> text : texts.entrySet()) {
      text(out, text.getKey(), text.getValue());
    }
    chunk(out, "IDAT", compress(picture));
    chunk(out, "IEND", new byte[0]);
    return bytes.toByteArray();
  }

  private static byte[] header(Picture picture) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(picture.width());
    out.writeInt(picture.height());
    // Bit depth 8, colour type 2 (RGB), deflate, adaptive filters, not interlaced.
    out.write(new byte[] {8, 2, 0, 0, 0});
    return bytes.toByteArray();
  }

  private static void text(DataOutputStream out, String keyword, String text) throws IOException {
    if (!keyword.matches(
            "[\\x21-\\x7e\\xa1-\\xff]([\\x20-\\x7e\\xa1-\\xff]*[\\x21-\\x7e\\xa1-\\xff])?")
        || keyword.length() > MAX_KEYWORD
        || keyword.contains("  ")) {
      throw new IllegalArgumentException(
          "PNG keyword \""
              + keyword
              + "\", expected 1 to 79 printable Latin-1 characters without double blanks");
    }
    // A zero byte would end the text early.
    String clean = text.replace("\0", "");
    boolean latin1 = StandardCharsets.ISO_8859_1.newEncoder().canEncode(clean);
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    data.writeBytes(keyword.getBytes(StandardCharsets.ISO_8859_1));
    // Keyword end; iTXt adds: not compressed, method 0, empty language tag, empty translated
    // keyword.
    data.writeBytes(new byte[latin1 ? 1 : 5]);
    data.writeBytes(clean.getBytes(latin1 ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8));
    chunk(out, latin1 ? "tEXt" : "iTXt", data.toByteArray());
  }

  private static byte[] compress(Picture picture) throws IOException {
    int stride = picture.width() * BYTES_PER_PIXEL;
    byte[] rgb = picture.rgb();
    byte[] previous = new byte[stride];
    byte[] row = new byte[stride];
    byte[][] filtered = new byte[FILTERS][stride + 1];
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Deflater deflater = new Deflater();
    try (DeflaterOutputStream out = new DeflaterOutputStream(bytes, deflater)) {
      for (int y = 0; y < picture.height(); y++) {
        System.arraycopy(rgb, y * stride, row, 0, stride);
        out.write(filter(row, previous, filtered));
        byte[] last = previous;
        previous = row;
        row = last;
      }
    } finally {
      deflater.end();
    }
    return bytes.toByteArray();
  }

  /**
   * Applies the filter whose output has the least sum of absolute differences (section 12.7 of the
   * specification).
   */
  private static byte[] filter(byte[] row, byte[] previous, byte[][] filtered) {
    byte[] best = filtered[0];
    long least = Long.MAX_VALUE;
    for (int type = 0; type < FILTERS; type++) {
      byte[] out = filtered[type];
      out[0] = (byte) type;
      long sum = 0;
      for (int i = 0; i < row.length; i++) {
        int left = i < BYTES_PER_PIXEL ? 0 : row[i - BYTES_PER_PIXEL] & 0xff;
        int up = previous[i] & 0xff;
        int corner = i < BYTES_PER_PIXEL ? 0 : previous[i - BYTES_PER_PIXEL] & 0xff;
        int prediction =
            switch (type) {
              case 0 -> 0;
              case 1 -> left;
              case 2 -> up;
              case 3 -> (left + up) / 2;
              default -> paeth(left, up, corner);
            };
        out[i + 1] = (byte) (row[i] - prediction);
        sum += Math.abs(out[i + 1]);
      }
      if (sum < least) {
        least = sum;
        best = out;
      }
    }
    return best;
  }

  private static int paeth(int left, int up, int corner) {
    int estimate = left + up - corner;
    int toLeft = Math.abs(estimate - left);
    int toUp = Math.abs(estimate - up);
    int toCorner = Math.abs(estimate - corner);
    if (toLeft <= toUp && toLeft <= toCorner) {
      return left;
    }
    return toUp <= toCorner ? up : corner;
  }

  private static void chunk(DataOutputStream out, String type, byte[] data) throws IOException {
    byte[] name = type.getBytes(StandardCharsets.ISO_8859_1);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(data);
    out.writeInt(data.length);
    out.write(name);
    out.write(data);
    out.writeInt((int) crc.getValue());
  }
}
