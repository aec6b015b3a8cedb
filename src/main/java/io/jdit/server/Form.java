package io.jdit.server;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A form with files, {@code multipart/form-data} (RFC 7578), in memory. Names of files and types
 * that the client gives mean nothing and are not read.
 */
record Form(List<Part> parts) {
  private static final int MOST = 200;
  private static final int LONGEST_HEADER = 8192;
  private static final int LONGEST_BOUNDARY = 70; // RFC 2046

  private static final Pattern BOUNDARY =
      Pattern.compile(";\\s*boundary=(?:\"([^\"]+)\"|([^;\\s\"]+))", Pattern.CASE_INSENSITIVE);

  /** {@code name} and not {@code filename}. */
  private static final Pattern NAME =
      Pattern.compile(
          "^content-disposition:\\s*form-data\\s*;(?:.*;)?\\s*name=(?:\"([^\"]*)\"|([^;\\s\"]+))",
          Pattern.CASE_INSENSITIVE | Pattern.MULTILINE);

  /** A field or a file. */
  record Part(String name, byte[] content) {
    /**
     * @throws ApiException when it is no UTF-8
     */
    String text() {
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
      } catch (CharacterCodingException e) {
        throw ApiException.invalid(name + ": bytes that are not UTF-8", name);
      }
    }
  }

  static boolean is(String contentType) {
    return contentType != null && contentType.regionMatches(true, 0, "multipart/", 0, 10);
  }

  /**
   * @throws ApiException when it is none
   */
  static Form parse(String contentType, byte[] body) {
    Matcher m = BOUNDARY.matcher(contentType);
    String boundary = !m.find() ? "" : m.group(1) == null ? m.group(2) : m.group(1);
    if (boundary.isEmpty() || boundary.length() > LONGEST_BOUNDARY) {
      throw broken(
          "its Content-Type names no boundary of 1 to " + LONGEST_BOUNDARY + " characters");
    }
    byte[] delimiter = ("\r\n--" + boundary).getBytes(StandardCharsets.ISO_8859_1);
    // The first delimiter has no line before it.
    int at = startsWith(body, 0, delimiter, 2) ? delimiter.length - 2 : after(body, 0, delimiter);
    List<Part> parts = new ArrayList<>();
    while (true) {
      if (at < 0) {
        throw broken("it ends in the middle");
      }
      if (startsWith(body, at, new byte[] {'-', '-'}, 0)) {
        return new Form(parts);
      }
      if (parts.size() == MOST) {
        throw broken("it has more than " + MOST + " parts");
      }
      int next = after(body, at, delimiter);
      parts.add(part(body, at, next - delimiter.length));
      at = next;
    }
  }

  /** Headers, an empty line, content. */
  private static Part part(byte[] body, int from, int end) {
    int content = after(body, from, new byte[] {'\r', '\n', '\r', '\n'});
    if (content < 0 || content > Math.max(end, from) || content - from > LONGEST_HEADER) {
      throw broken(end < from ? "it ends in the middle" : "a part has no headers of its own");
    }
    String headers = new String(body, from, content - from, StandardCharsets.UTF_8);
    Matcher m = NAME.matcher(headers);
    if (!m.find()) {
      throw broken("a part has no name");
    }
    return new Part(
        m.group(1) == null ? m.group(2) : m.group(1), Arrays.copyOfRange(body, content, end));
  }

  /** Where {@code wanted} ends; -1 where it is not. */
  private static int after(byte[] bytes, int from, byte[] wanted) {
    for (int i = from; i <= bytes.length - wanted.length; i++) {
      if (startsWith(bytes, i, wanted, 0)) {
        return i + wanted.length;
      }
    }
    return -1;
  }

  private static boolean startsWith(byte[] bytes, int at, byte[] wanted, int from) {
    int length = wanted.length - from;
    return at + length <= bytes.length
        && Arrays.equals(bytes, at, at + length, wanted, from, wanted.length);
  }

  private static ApiException broken(String what) {
    return ApiException.badRequest("the form cannot be read: " + what, null);
  }
}
