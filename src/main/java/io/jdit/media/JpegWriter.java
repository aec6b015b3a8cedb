package io.jdit.media;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Writes pictures as baseline JPEG with the parameters in a comment segment. */
public final class JpegWriter {
  private static final String METADATA_FORMAT = "javax_imageio_jpeg_image_1.0";

  /** A segment's length field has 16 bits and counts itself. */
  private static final int MAX_COMMENT = 65533;

  private JpegWriter() {}

  /**
   * Writes the file, replacing one of the same name; on failure nothing of it is left.
   *
   * @param quality 0 to 100
   * @param comment UTF-8 text, cut after 65533 bytes; empty for none
   */
  public static void write(Path file, Picture picture, int quality, String comment)
      throws IOException {
    AtomicFile.write(file, encode(picture, quality, comment));
  }

  /** The bytes of the JPEG file. */
  public static byte[] encode(Picture picture, int quality, String comment) throws IOException {
    if (quality < 0 || quality > 100) {
      throw new IllegalArgumentException("JPEG quality " + quality + ", expected 0 to 100");
    }
    BufferedImage image = image(picture);
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    // ImageIO's own choice would buffer in a temporary file.
    try (ImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      ImageWriteParam parameters = writer.getDefaultWriteParam();
      parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      parameters.setCompressionQuality(quality / 100f);
      IIOMetadata metadata =
          writer.getDefaultImageMetadata(new ImageTypeSpecifier(image), parameters);
      if (!comment.isEmpty()) {
        comment(metadata, comment);
      }
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, metadata), parameters);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  private static void comment(IIOMetadata metadata, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    IIOMetadataNode root = (IIOMetadataNode) metadata.getAsTree(METADATA_FORMAT);
    IIOMetadataNode node = new IIOMetadataNode("com");
    node.setUserObject(bytes.length <= MAX_COMMENT ? bytes : Arrays.copyOf(bytes, MAX_COMMENT));
    root.getElementsByTagName("markerSequence").item(0).appendChild(node);
    metadata.setFromTree(METADATA_FORMAT, root);
  }

  private static BufferedImage image(Picture picture) {
    int width = picture.width();
    BufferedImage image = new BufferedImage(width, picture.height(), BufferedImage.TYPE_INT_RGB);
    byte[] rgb = picture.rgb();
    int[] row = new int[width];
    for (int y = 0, at = 0; y < picture.height(); y++) {
      for (int x = 0; x < width; x++, at += 3) {
        row[x] = (rgb[at] & 0xff) << 16 | (rgb[at + 1] & 0xff) << 8 | rgb[at + 2] & 0xff;
      }
      image.setRGB(0, y, width, 1, row, 0, width);
    }
    return image;
  }
}
