package io.jdit.config;

import java.util.List;

/** What to do about keys that nobody knows. */
public enum UnknownKeys {
  REJECT,
  WARN;

  /** Throws {@code unknown}, or adds it to the warnings. */
  public void found(ConfigException unknown, List<String> warnings) {
    if (this == REJECT) {
      throw unknown;
    }
    warnings.add(unknown.getMessage());
  }
}
