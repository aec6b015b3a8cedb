package io.jdit.media;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Adds a comment to files whose FFmpeg container has no place for it. */
final class VideoComment {
  private static final int GIF_TRAILER = 0x3b;
  private static final byte[] GIF_COMMENT = {0x21, (byte) 0xfe};
  private static final int GIF_BLOCK = 255;

  private static final int XMP_FLAG = 0x04; // of the VP8X chunk, whose flags are byte 20
  private static final int VP8X_FLAGS = 20;

  private VideoComment() {}

  static void add(Path file, VideoEncoding encoding, String comment) throws IOException {
    if (comment.isEmpty() || encoding == VideoEncoding.MP4) {
      return;
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      byte[] text = comment.getBytes(StandardCharsets.UTF_8);
      if (encoding == VideoEncoding.GIF) {
        gif(channel, text);
      } else {
        webp(channel, text);
      }
    }
  }

  /** A comment extension in place of the trailer, then the trailer. */
  private static void gif(FileChannel channel, byte[] text) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(GIF_COMMENT);
    for (int i = 0; i < text.length; i += GIF_BLOCK) {
      int length = Math.min(GIF_BLOCK, text.length - i);
      out.write(length);
      out.write(text, i, length);
    }
    out.write(0);
    out.write(GIF_TRAILER);
    write(channel, out.toByteArray(), channel.size() - 1);
  }

  /** An XMP packet with the text as its description; a single frame has no place for one. */
  private static void webp(FileChannel channel, byte[] text) throws IOException {
    ByteBuffer name = ByteBuffer.allocate(4);
    channel.read(name, 12);
    if (!new String(name.array(), StandardCharsets.US_ASCII).equals("VP8X")) {
      return;
    }
    String escaped =
        new String(text, StandardCharsets.UTF_8)
            .replace("&", "&amp;")
            .replace("<", "&lt;")
            .replace(">", "&gt;");
    byte[] packet =
        ("<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF"
                + " xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description"
                + " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:description><rdf:Alt><rdf:li"
                + " xml:lang=\"x-default\">"
                + escaped
                + "</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>")
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer chunk =
        ByteBuffer.allocate(8 + packet.length + packet.length % 2).order(ByteOrder.LITTLE_ENDIAN);
    chunk.put("XMP ".getBytes(StandardCharsets.US_ASCII)).putInt(packet.length).put(packet);
    long end = channel.size();
    write(channel, chunk.array(), end);
    ByteBuffer size = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    size.putInt((int) (end + chunk.capacity() - 8));
    write(channel, size.array(), 4);
    ByteBuffer flags = ByteBuffer.allocate(1);
    channel.read(flags, VP8X_FLAGS);
    write(channel, new byte[] {(byte) (flags.get(0) | XMP_FLAG)}, VP8X_FLAGS);
  }

  private static void write(FileChannel channel, byte[] bytes, long position) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    while (rest.hasRemaining()) {
      position += channel.write(rest, position);
    }
  }
}
