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

  /** The key in files that forecasts the encoder stream too. */
  String encoderKey() {
    return "enable_encoder_" + text();
  }
}
