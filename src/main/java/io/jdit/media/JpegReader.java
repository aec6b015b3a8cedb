package io.jdit.media;

import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * JPEG pictures. The platform decodes the samples; their colours are converted here, in libjpeg's
 * fixed point, because the platform applies embedded profiles, which other readers leave alone, and
 * does not take four inks.
 */
final class JpegReader {
  private static final int SOF0 = 0xc0;
  private static final int SOF15 = 0xcf;
  private static final int DHT = 0xc4;
  private static final int JPG = 0xc8;
  private static final int DAC = 0xcc;
  private static final int SOS = 0xda;
  private static final int APP0 = 0xe0;
  private static final int APP1 = 0xe1;
  private static final int APP14 = 0xee;
  private static final String EXIF = "Exif\0\0";

  private final byte[] file;
  private int width;
  private int height;
  private int bits;
  private byte[] components = {};
  private boolean jfif;
  private int adobeTransform = -1; // no such marker
  private int orientation = Orientation.UPRIGHT;
  private String damage;

  private JpegReader(byte[] file) {
    this.file = file;
  }

  /**
   * @param pixels that it may have
   * @throws ImageFormatException without the name of the file
   */
  static Picture read(byte[] file, long pixels) throws IOException {
    JpegReader reader = new JpegReader(file);
    reader.readMarkers();
    PictureReader.requireSize(reader.width, reader.height, pixels);
    if (reader.bits != 8) {
      throw new ImageFormatException(
          "a JPEG of " + reader.bits + " bits per channel, expected 8: convert it");
    }
    return Orientation.upright(reader.decode(), reader.orientation);
  }

  /** The markers up to the first scan. */
  private void readMarkers() throws ImageFormatException {
    int at = 2;
    while (at + 4 <= file.length) {
      int marker = file[at + 1] & 255;
      int length = unsigned(at + 2);
      int end = at + 2 + length;
      if (file[at] != (byte) 0xff || length < 2 || end > file.length) {
        throw new ImageFormatException("damaged picture: it ends in its header");
      }
      if (marker == SOS) {
        return;
      }
      readMarker(marker, Arrays.copyOfRange(file, at + 4, end), at + 4);
      at = end;
      while (at + 1 < file.length && file[at] == (byte) 0xff && file[at + 1] == (byte) 0xff) {
        at++; // markers may be filled up
      }
    }
    throw new ImageFormatException("damaged picture: it ends before its pixels");
  }

  private void readMarker(int marker, byte[] data, int at) {
    String text = new String(data, StandardCharsets.ISO_8859_1);
    if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
      bits = data[0] & 255;
      height = unsigned(at + 1);
      width = unsigned(at + 3);
      components = new byte[data[5] & 255];
      for (int i = 0; i < components.length; i++) {
        components[i] = data[6 + 3 * i];
      }
    } else if (marker == APP0 && text.startsWith("JFIF")) {
      jfif = true;
    } else if (marker == APP1 && text.startsWith(EXIF) && orientation == Orientation.UPRIGHT) {
      orientation = Orientation.read(Arrays.copyOfRange(data, EXIF.length(), data.length));
    } else if (marker == APP14 && text.startsWith("Adobe") && data.length >= 12) {
      adobeTransform = data[11] & 255;
    }
  }

  private int unsigned(int at) {
    return (file[at] & 255) << 8 | file[at + 1] & 255;
  }

  /** Whether the first three channels are luma and two chromas, by libjpeg's rules. */
  private boolean luma() {
    if (components.length == 4) {
      return adobeTransform == 2;
    }
    if (jfif || adobeTransform >= 0) {
      return jfif || adobeTransform != 0;
    }
    return !Arrays.equals(components, new byte[] {'R', 'G', 'B'});
  }

  private Picture decode() throws IOException {
    ImageReader decoder = ImageIO.getImageReadersByFormatName("jpeg").next();
    try (ImageInputStream in = ImageIO.createImageInputStream(new ByteArrayInputStream(file))) {
      decoder.setInput(in, true, true);
      // Bytes too many between markers do no harm; all else means that pixels are missing.
      decoder.addIIOReadWarningListener(
          (source, warning) -> damage = warning.contains("extraneous") ? damage : warning);
      Raster samples = decoder.readRaster(0, null);
      if (damage != null) {
        throw new ImageFormatException("damaged picture: " + damage);
      }
      return picture(samples);
    } finally {
      decoder.dispose();
    }
  }

  private Picture picture(Raster samples) throws ImageFormatException {
    int channels = samples.getNumBands();
    if (channels != 1 && channels != 3 && channels != 4) {
      throw new ImageFormatException("a JPEG of " + channels + " channels, expected 1, 3 or 4");
    }
    boolean luma = channels > 1 && luma();
    byte[] rgb = new byte[3 * width * height];
    int[] row = new int[channels * width];
    for (int y = 0, at = 0; y < height; y++) {
      samples.getPixels(0, y, width, 1, row);
      for (int x = 0; x < row.length; x += channels, at += 3) {
        if (luma) {
          fromLuma(row, x);
        }
        if (channels == 4) {
          fromInks(row, x, luma);
        }
        for (int c = 0; c < 3; c++) {
          rgb[at + c] = (byte) row[channels == 1 ? x : x + c];
        }
      }
    }
    return new Picture(width, height, rgb);
  }

  /** ITU-R BT.601 with full range, 16 bits after the point. */
  private static void fromLuma(int[] pixel, int at) {
    int y = pixel[at];
    int cb = pixel[at + 1] - 128;
    int cr = pixel[at + 2] - 128;
    int half = 1 << 15;
    pixel[at] = clamped(y + (91881 * cr + half >> 16));
    pixel[at + 1] = clamped(y + (-22554 * cb - 46802 * cr + half >> 16));
    pixel[at + 2] = clamped(y + (116130 * cb + half >> 16));
  }

  /**
   * Inks are stored as what they leave of the light, by Adobe's convention; black takes its part of
   * each colour.
   *
   * @param converted luma and chromas came out as inks, not as what they leave
   */
  private static void fromInks(int[] pixel, int at, boolean converted) {
    int light = pixel[at + 3];
    for (int c = 0; c < 3; c++) {
      int ink = converted ? pixel[at + c] : 255 - pixel[at + c];
      int product = ink * light + 128;
      pixel[at + c] = clamped(light - ((product >> 8) + product >> 8));
    }
  }

  private static int clamped(int value) {
    return Math.max(0, Math.min(255, value));
  }
}
