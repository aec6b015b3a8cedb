package io.jdit.engine;

import io.jdit.config.ConfigException;
import java.util.Map;

/** Quality of JPEG files and videos in SGLang's words, or as a number. */
public final class OutputQuality {
  private static final Map<String, Integer> WORDS =
      Map.of("low", 35, "medium", 55, "high", 90, "maximum", 100);

  private OutputQuality() {}

  /**
   * @return 0 to 100; null for what is usual
   * @throws ConfigException when the text is none of them
   */
  public static Integer parse(String text) {
    if (text.equals("default")) {
      return null;
    }
    Integer word = WORDS.get(text);
    if (word != null) {
      return word;
    }
    if (text.matches("\\d{1,3}") && Integer.parseInt(text) <= 100) {
      return Integer.parseInt(text);
    }
    throw new ConfigException(
        "expected default, low, medium, high, maximum or 0 to 100, found '" + text + "'");
  }
}
