package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

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

  /**
   * @param name how errors call the switch of a calibrator
   * @throws ConfigException when several are chosen
   */
  static void requireOne(
      List<CalibratorKind> chosen, String place, Function<Key<Boolean>, String> name) {
    if (chosen.size() > 1) {
      throw new ConfigException(
          "%s%s and %s exclude each other: choose one calibrator"
              .formatted(
                  place,
                  name.apply(CacheKeys.enabling(chosen.get(0))),
                  name.apply(CacheKeys.enabling(chosen.get(1)))));
    }
  }
}
