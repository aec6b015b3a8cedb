package io.jdit.media;

import java.nio.charset.StandardCharsets;

/** Formats of picture files by their first bytes; those that are not read are named at least. */
enum PictureFormat {
  PNG("PNG", true, "\u0089PNG\r\n\u001a\n"),
  JPEG("JPEG", true, "\u00ff\u00d8\u00ff"),
  WEBP("WebP", true, "RIFF....WEBP"),
  GIF("GIF", true, "GIF8"),
  BMP("BMP", true, "BM"),
  TIFF("a TIFF picture", false, "II*\0", "MM\0*", "II+\0", "MM\0+"),
  HEIF("a HEIF picture", false, "....ftyphei", "....ftyphev", "....ftypmif1", "....ftypmsf1"),
  AVIF("an AVIF picture", false, "....ftypavi"),
  JPEG_XL("a JPEG XL picture", false, "\u00ff\n", "\0\0\0\fJXL "),
  JPEG_2000("a JPEG 2000 picture", false, "\0\0\0\fjP  ", "\u00ffO\u00ffQ"),
  PHOTOSHOP("a Photoshop file", false, "8BPS"),
  PDF("a PDF document", false, "%PDF"),
  SVG("an SVG drawing", false, "<svg"),
  EMPTY("an empty file", false, ""),
  OTHER("not a picture", false);

  private final String text;
  private final boolean read;
  private final String[] signatures;

  /**
   * @param signatures first bytes, a point for any
   */
  PictureFormat(String text, boolean read, String... signatures) {
    this.text = text;
    this.read = read;
    this.signatures = signatures;
  }

  /**
   * @param start the first bytes of a file, none of an empty one
   */
  static PictureFormat of(byte[] start) {
    String bytes = new String(start, StandardCharsets.ISO_8859_1);
    for (PictureFormat format : values()) {
      for (String signature : format.signatures) {
        if (fits(signature, bytes)) {
          return format;
        }
      }
    }
    return OTHER;
  }

  private static boolean fits(String signature, String bytes) {
    if (signature.isEmpty() || bytes.length() < signature.length()) {
      return signature.equals(bytes);
    }
    for (int i = 0; i < signature.length(); i++) {
      if (signature.charAt(i) != '.' && signature.charAt(i) != bytes.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  String text() {
    return text;
  }

  boolean read() {
    return read;
  }
}
