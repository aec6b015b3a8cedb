package io.jdit.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What stands in the place of a model's file: the pointer of a clone without its large files, the
 * page that a server or a network answered with instead, a file of another format under its name.
 */
public final class Placeholder {
  /** So much of a file's beginning is enough. */
  static final int HEAD = 512;

  private static final Pattern LFS =
      Pattern.compile("version https://(?:git-lfs|hawser)\\.github\\.com/.*", Pattern.DOTALL);
  private static final Pattern SIZE = Pattern.compile("(?m)^size (\\d+)$");
  private static final Pattern HTML =
      Pattern.compile("<(?:!doctype html|html|head|body|script|!--).*", Pattern.DOTALL);

  private Placeholder() {}

  /**
   * Describes the contents of what should be a text or JSON file.
   *
   * @param contents or their beginning
   * @return the rest of a sentence that begins with the file's name; empty when it may be one
   */
  public static Optional<String> of(byte[] contents) {
    String text = head(contents);
    String lower = text.toLowerCase(Locale.ROOT);
    if (LFS.matcher(text).matches()) {
      Matcher size = SIZE.matcher(text);
      return Optional.of(
          "is a Git LFS pointer, not the file"
              + (size.find() ? " of " + size.group(1) + " bytes" : "")
              + " that it stands for: run git lfs pull where it was cloned, or give the model's name on the hub");
    }
    if (lower.startsWith("# xet version")
        || lower.matches("(?s)(\\.\\.?/)*(\\.git)?/?annex/objects/.*")) {
      return Optional.of(
          "is a pointer to a large file, not the file: fetch it where it was cloned, or give the model's name on the hub");
    }
    if (HTML.matcher(lower).matches()) {
      return Optional.of(
          "is an HTML page: a server's login or error page was saved in place of the file; download it again");
    }
    if (lower.startsWith("<?xml") || lower.startsWith("<error")) {
      return Optional.of(
          "is an XML document: a storage server's error was saved in place of the file; download it again");
    }
    return Optional.empty();
  }

  /**
   * As {@link #of}, of what should be a binary file: any text is out of place, and other formats.
   */
  static Optional<String> ofBinary(byte[] contents) {
    Optional<String> known = of(contents);
    if (known.isPresent() || contents.length == 0) {
      return known.isPresent() ? known : Optional.of("is empty; download it again");
    }
    if (startsWith(contents, "PK\3\4") || startsWith(contents, "\u0080\2")) {
      return Optional.of(
          "is a PyTorch checkpoint (pickle) under another name; convert it to safetensors");
    }
    if (startsWith(contents, "GGUF")) {
      return Optional.of("is a GGUF file under another name, which is not supported");
    }
    byte[] head = Arrays.copyOf(contents, Math.min(contents.length, 64));
    if (head.length >= 8 && isText(head)) {
      return Optional.of(
          "is a text that begins with '"
              + head(head).lines().findFirst().orElse("")
              + "': a server's message may have been saved in place of the file; download it again");
    }
    return Optional.empty();
  }

  private static boolean isText(byte[] head) {
    for (byte b : head) {
      if (b != '\n' && b != '\r' && b != '\t' && (b < ' ' || b > '~')) {
        return false;
      }
    }
    return true;
  }

  private static boolean startsWith(byte[] contents, String latin1) {
    byte[] start = latin1.getBytes(StandardCharsets.ISO_8859_1);
    return contents.length >= start.length
        && Arrays.equals(contents, 0, start.length, start, 0, start.length);
  }

  private static String head(byte[] contents) {
    int length = Math.min(contents.length, HEAD);
    return new String(contents, 0, length, StandardCharsets.UTF_8).replace("\uFEFF", "").strip();
  }
}
