package io.jdit.media;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The text chunks tEXt, zTXt and iTXt of a PNG file (PNG specification, third edition, section
 * 11.3.3).
 */
public final class PngText {
  static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

  private static final int MAX_TEXT_BYTES = 16 << 20;

  private PngText() {}

  /**
   * Keyword to text, in the order of the file.
   *
   * @throws ImageFormatException if the file is no PNG, is cut off or has a chunk with a wrong
   *     checksum
   */
  public static Map<String, String> read(Path file) throws IOException {
    try {
      return parse(Files.readAllBytes(file));
    } catch (BufferUnderflowException e) {
      throw new ImageFormatException(file + ": the PNG file ends in the middle of a chunk");
    } catch (IllegalArgumentException e) {
      throw new ImageFormatException(file + ": " + e.getMessage());
    }
  }

  private static Map<String, String> parse(byte[] file) {
    ByteBuffer in = ByteBuffer.wrap(file);
    byte[] signature = new byte[Math.min(SIGNATURE.length, file.length)];
    in.get(signature);
    if (!Arrays.equals(signature, SIGNATURE)) {
      throw new IllegalArgumentException("not a PNG file");
    }
    Map<String, String> texts = new LinkedHashMap<>();
    String type;
    do {
      int length = in.getInt();
      int start = in.position();
      if (length < 0 || length > in.remaining() - 8) {
        throw new BufferUnderflowException();
      }
      type = new String(file, start, 4, StandardCharsets.ISO_8859_1);
      CRC32 crc = new CRC32();
      crc.update(file, start, 4 + length);
      ByteBuffer data = in.slice(start + 4, length);
      in.position(start + 4 + length);
      if (in.getInt() != (int) crc.getValue()) {
        throw new IllegalArgumentException(
            "chunk " + type + " at byte " + start + " has a wrong checksum");
      }
      readText(type, data, texts);
    } while (!type.equals("IEND"));
    return texts;
  }

  private static void readText(String type, ByteBuffer data, Map<String, String> texts) {
    switch (type) {
      case "tEXt" -> texts.put(string(data), rest(data, false, StandardCharsets.ISO_8859_1));
      case "zTXt" -> {
        String keyword = string(data);
        data.get();
        texts.put(keyword, rest(data, true, StandardCharsets.ISO_8859_1));
      }
      case "iTXt" -> {
        String keyword = string(data);
        boolean compressed = data.get() == 1;
        data.get();
        string(data);
        string(data);
        texts.put(keyword, rest(data, compressed, StandardCharsets.UTF_8));
      }
      default -> {}
    }
  }

  /** A Latin-1 string that ends with a zero byte. */
  private static String string(ByteBuffer data) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (byte b = data.get(); b != 0; b = data.get()) {
      bytes.write(b);
    }
    return bytes.toString(StandardCharsets.ISO_8859_1);
  }

  private static String rest(ByteBuffer data, boolean compressed, Charset charset) {
    byte[] bytes = new byte[data.remaining()];
    data.get(bytes);
    return new String(compressed ? inflate(bytes) : bytes, charset);
  }

  private static byte[] inflate(byte[] bytes) {
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(bytes);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] buffer = new byte[8192];
      while (!inflater.finished() && out.size() <= MAX_TEXT_BYTES) {
        int n = inflater.inflate(buffer);
        if (n == 0) {
          break;
        }
        out.write(buffer, 0, n);
      }
      if (!inflater.finished()) {
        throw new IllegalArgumentException(
            "a compressed text is cut off or larger than " + MAX_TEXT_BYTES + " bytes");
      }
      return out.toByteArray();
    } catch (DataFormatException e) {
      throw new IllegalArgumentException("a compressed text is damaged");
    } finally {
      inflater.end();
    }
  }
}
