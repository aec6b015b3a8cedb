package io.jdit.cache;

import java.util.Locale;

/** How often a forced refresh happens. */
public enum RefreshPolicy {
  ONCE,
  REPEAT;

  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
