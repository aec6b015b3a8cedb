package io.jdit.media;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * Reads pictures as pipelines take them: upright by their EXIF orientation, in RGB of 8 bits per
 * channel. Transparency and colour profiles are dropped, of 16 bits the upper 8 are kept, as
 * diffusers' {@code load_image} does it.
 */
public final class PictureReader {
  /** As much as the Pillow library takes. */
  private static final long MAX_PIXELS = 178_956_970;

  private static final int LONGEST_SIGNATURE = 12;
  private static final String EXPECTED = "expected PNG, JPEG, WebP, GIF or BMP";

  private PictureReader() {}

  /** As {@link #read(Path, long)} with at most 178,956,970 pixels. */
  public static Picture read(Path file) throws IOException {
    return read(file, MAX_PIXELS);
  }

  /**
   * @param pixels that it may have altogether
   * @throws NoSuchFileException if there is no file
   * @throws ImageFormatException if it is no picture, is damaged or has too many pixels, which is
   *     found out before any is decoded
   */
  public static Picture read(Path file, long pixels) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString(), null, "expected a picture");
    }
    if (Files.isDirectory(file)) {
      throw new ImageFormatException(file + ": a folder, " + EXPECTED);
    }
    try {
      PictureFormat format = PictureFormat.of(signature(file));
      if (!format.read()) {
        throw new ImageFormatException(format.text() + ", " + EXPECTED);
      }
      byte[] bytes = Files.readAllBytes(file);
      return switch (format) {
        case JPEG -> JpegReader.read(bytes, pixels);
        case WEBP -> WebpReader.read(bytes, pixels);
        case PNG -> Orientation.upright(decode(bytes, "png", pixels), pngOrientation(bytes));
        default -> decode(bytes, format.name(), pixels);
      };
    } catch (ImageFormatException e) {
      throw new ImageFormatException(file + ": " + e.getMessage());
    } catch (IOException | RuntimeException e) {
      // The readers of the platform report damaged data in many ways, some of them unchecked.
      String reason = e instanceof IOException && e.getMessage() != null ? e.getMessage() : "";
      throw new ImageFormatException(
          file + ": damaged picture" + (reason.isEmpty() ? "" : ": " + reason));
    } catch (OutOfMemoryError e) {
      throw new ImageFormatException(file + ": too large for Java's heap: make it smaller");
    }
  }

  private static byte[] signature(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(LONGEST_SIGNATURE);
    }
  }

  /** What a header says must be reasonable before pixels are decoded. */
  static void requireSize(int width, int height, long pixels) throws ImageFormatException {
    if (width < 1 || height < 1) {
      throw new ImageFormatException("damaged picture: " + width + " x " + height + " pixels");
    }
    if ((long) width * height > pixels) {
      throw new ImageFormatException(
          width + " x " + height + " pixels, expected at most " + pixels + " altogether");
    }
  }

  private static Picture decode(byte[] bytes, String format, long pixels) throws IOException {
    ImageReader reader = ImageIO.getImageReadersByFormatName(format).next();
    try (ImageInputStream in = ImageIO.createImageInputStream(new ByteArrayInputStream(bytes))) {
      reader.setInput(in, true, true);
      requireSize(reader.getWidth(0), reader.getHeight(0), pixels);
      return rgb(reader.read(0));
    } finally {
      reader.dispose();
    }
  }

  /** The values as they are stored: the platform would convert grey from a linear colour space. */
  private static Picture rgb(BufferedImage image) throws ImageFormatException {
    int width = image.getWidth();
    int height = image.getHeight();
    byte[] rgb = new byte[3 * width * height];
    Raster raster = image.getRaster();
    boolean palette = image.getColorModel() instanceof IndexColorModel;
    int type = raster.getDataBuffer().getDataType();
    int shift = type == DataBuffer.TYPE_USHORT && !palette ? 8 : 0;
    boolean grey = raster.getNumBands() < 3;
    int[] row = new int[width * raster.getNumBands()];
    for (int y = 0, at = 0; y < height; y++) {
      if (palette) {
        image.getRGB(0, y, width, 1, row, 0, width);
      } else {
        raster.getPixels(0, y, width, 1, row);
      }
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < 3; c++) {
          int value =
              palette
                  ? row[x] >> 16 - 8 * c
                  : row[x * raster.getNumBands() + (grey ? 0 : c)] >> shift;
          rgb[at++] = (byte) value;
        }
      }
    }
    return new Picture(width, height, rgb);
  }

  /** From the chunk eXIf (PNG specification, third edition, section 11.3.4.5). */
  private static int pngOrientation(byte[] bytes) {
    ByteBuffer b = ByteBuffer.wrap(bytes);
    for (int at = 8; at + 12 <= bytes.length; ) {
      int length = b.getInt(at);
      if (length < 0 || length > bytes.length - at - 12) {
        break;
      }
      if (new String(bytes, at + 4, 4, StandardCharsets.ISO_8859_1).equals("eXIf")) {
        return Orientation.read(Arrays.copyOfRange(bytes, at + 8, at + 8 + length));
      }
      at += 12 + length;
    }
    return Orientation.UPRIGHT;
  }
}
