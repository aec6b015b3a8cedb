package io.jdit.cache;

import java.util.Locale;

/** How skipped outputs are forecast. */
public enum CalibratorKind {
  /** The last computed output is used again. */
  NONE,
  TAYLORSEER,
  DMD,
  FOCA;

  /** The name in keys and flags, for example {@code taylorseer}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
