package io.jdit.media;

import java.util.Locale;
import java.util.Set;

/** What a model makes, and the files that it is written to. */
public enum OutputKind {
  PICTURE("png", Set.of("png", "jpg", "jpeg", "webp"), "pictures are .png, .jpg or .webp"),
  VIDEO(
      "mp4",
      Set.of("mp4", "webp", "gif"),
      "videos are .mp4, .webp or .gif, or a folder of PNG files with / at the end");

  private final String extension;
  private final Set<String> extensions;
  private final String rule;

  OutputKind(String extension, Set<String> extensions, String rule) {
    this.extension = extension;
    this.extensions = extensions;
    this.rule = rule;
  }

  /** Of files that the user gave no ending, without the dot. */
  public String extension() {
    return extension;
  }

  /** Which files it can be written to, for messages. */
  String rule() {
    return rule;
  }

  boolean takes(String fileExtension) {
    return extensions.contains(fileExtension.toLowerCase(Locale.ROOT));
  }
}
