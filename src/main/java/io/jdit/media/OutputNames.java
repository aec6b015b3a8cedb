package io.jdit.media;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;

/** Names of output files, by the rules of SGLang's command line. */
public final class OutputNames {
  private static final int MAX_PROMPT = 100;
  private static final int MAX_NAME = 150;

  /** Bytes of a file name, NAME_MAX of Linux. */
  private static final int LONGEST = 255;

  private static final int SHOWN = 20;
  private static final int HASH_DIGITS = 8;
  private static final DateTimeFormatter TIMESTAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);
  private static final Set<String> EXTENSIONS =
      Set.of("png", "jpg", "jpeg", "webp", "gif", "bmp", "mp4");

  private OutputNames() {}

  /**
   * The name that a user gave, with {@code extension} added when it has none of a picture or video.
   *
   * @param extension without the dot
   */
  public static String explicit(String name, String extension) {
    return EXTENSIONS.contains(extensionOf(name).toLowerCase(Locale.ROOT))
        ? name
        : name + "." + extension;
  }

  /**
   * {@code {prompt}_{timestamp}_{hash}.{extension}}, or {@code output_{timestamp}.{extension}}
   * without a prompt.
   *
   * @param parameters text that tells one request from another, hashed with SHA-256
   * @param extension without the dot
   */
  public static String generated(
      String prompt, LocalDateTime time, String parameters, String extension) {
    String timestamp = TIMESTAMP.format(time);
    int length = Math.min(MAX_PROMPT, prompt.codePointCount(0, prompt.length()));
    String start = prompt.substring(0, prompt.offsetByCodePoints(0, length));
    String name =
        prompt.isBlank()
            ? "output_" + timestamp
            : start + "_" + timestamp + "_" + hash(parameters).substring(0, HASH_DIGITS);
    return normalize(name) + "." + extension;
  }

  /**
   * The name that a user gave a picture or video, with the usual ending when it has none.
   *
   * @param option what the user calls it, for messages
   * @param kind null when it is not known yet: then only what holds of all kinds is checked
   * @throws IllegalArgumentException when it is not a plain name, not one of that kind or too long
   */
  public static String file(String option, String name, OutputKind kind) {
    if (Path.of(name).getNameCount() != 1 || name.isBlank()) {
      throw new IllegalArgumentException(
          option + " '" + name + "' is not a plain name: use --output-path for the folder");
    }
    if (kind == null || (kind == OutputKind.VIDEO && isFolder(name))) {
      requireFits(option, name);
      return name;
    }
    String full = explicit(name, kind.extension());
    if (!kind.takes(extensionOf(full))) {
      throw new IllegalArgumentException(option + " '" + name + "': " + kind.rule());
    }
    requireFits(option, full);
    return full;
  }

  /**
   * @param option what the user calls it, for messages
   * @throws IllegalArgumentException when file systems refuse a name of this length
   */
  public static void requireFits(String option, String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > LONGEST) {
      throw new IllegalArgumentException(
          option
              + " makes '"
              + name.substring(0, SHOWN)
              + "...', a file name of "
              + bytes
              + " bytes; file systems take "
              + LONGEST
              + ": choose a shorter one");
    }
  }

  /** Whether a name stands for a folder of frames. */
  public static boolean isFolder(String name) {
    return name.endsWith("/");
  }

  /** {@code {line}_{prompt}.{extension}}: the same for every run, the line with five digits. */
  public static String ofLine(int line, String prompt, String extension) {
    int length = Math.min(MAX_PROMPT, prompt.codePointCount(0, prompt.length()));
    String start = prompt.substring(0, prompt.offsetByCodePoints(0, length));
    return normalize(String.format(Locale.ROOT, "%05d_%s", line, start)) + "." + extension;
  }

  /** {@code name} with {@code _line} ahead of its extension, the line with five digits. */
  public static String numbered(String name, int line) {
    return suffixed(name, String.format(Locale.ROOT, "_%05d", line));
  }

  /**
   * {@code name} as it is for a single picture, else with {@code _index} ahead of its extension.
   */
  public static String indexed(String name, int index, int count) {
    return count == 1 ? name : suffixed(name, "_" + index);
  }

  private static String suffixed(String name, String suffix) {
    if (isFolder(name)) {
      return name.substring(0, name.length() - 1) + suffix + "/";
    }
    String extension = extensionOf(name);
    String stem =
        extension.isEmpty() ? name : name.substring(0, name.length() - extension.length() - 1);
    return stem + suffix + (extension.isEmpty() ? "" : "." + extension);
  }

  /**
   * ASCII letters, digits, dots and dashes; anything else becomes one underscore; neither dots nor
   * underscores at the ends.
   */
  static String normalize(String name) {
    String ascii =
        Normalizer.normalize(name, Normalizer.Form.NFKD).replaceAll("[^\\x00-\\x7f]", "");
    String plain = ascii.replaceAll("[^A-Za-z0-9.-]+", "_").replaceAll("_+", "_");
    String stripped = plain.replaceAll("^[_.]+|[_.]+$", "");
    return stripped.substring(0, Math.min(MAX_NAME, stripped.length())).replaceAll("[_.]+$", "");
  }

  private static String extensionOf(String name) {
    int dot = name.lastIndexOf('.');
    return dot > name.lastIndexOf('/') + 1 ? name.substring(dot + 1) : "";
  }

  private static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
