package io.jdit.cache;

import io.jdit.config.Values;

/** Settings of a {@link Calibrator}; no configuration stands for plain reuse. */
public sealed interface CalibratorConfig {
  /**
   * Which streams are forecast and from what.
   *
   * @param hidden forecast the hidden stream
   * @param encoder forecast the encoder stream
   */
  record Coverage(boolean hidden, boolean encoder, BufferKind kind) {
    public static final Coverage BOTH = new Coverage(true, true, BufferKind.RESIDUAL);
  }

  Coverage coverage();

  /** What the settings ask for; null for plain reuse. */
  static CalibratorConfig of(Values settings) {
    var coverage =
        new Coverage(
            true,
            settings.get(CacheKeys.ENABLE_ENCODER_CALIBRATOR),
            settings.get(CacheKeys.CALIBRATOR_CACHE_TYPE));
    return switch (settings.get(CacheKeys.CALIBRATOR)) {
      case NONE -> null;
      case TAYLORSEER -> new TaylorSeer(coverage, settings.get(CacheKeys.TAYLORSEER_ORDER));
      case FOCA -> new FoCa(coverage);
      case DMD ->
          new Dmd(
              coverage,
              settings.get(CacheKeys.DMD_HISTORY),
              settings.get(CacheKeys.DMD_RANK),
              settings.get(CacheKeys.DMD_RIDGE),
              settings.get(CacheKeys.DMD_SVD_PRECISION),
              Dmd.Fallback.REFERENCE);
    };
  }

  /** Short form for {@link CacheConfig#tag}. */
  String tag();

  /**
   * Finite-difference extrapolation (TaylorSeer).
   *
   * @param order highest derivative; 0 is plain reuse
   */
  record TaylorSeer(Coverage coverage, int order) implements CalibratorConfig {
    @Override
    public String tag() {
      return "T1O" + order;
    }
  }

  /** The predictor-corrector of FoCa, which has no settings of its own. */
  record FoCa(Coverage coverage) implements CalibratorConfig {
    @Override
    public String tag() {
      return "FoCa";
    }
  }

  /**
   * Dynamic mode decomposition.
   *
   * @param history most snapshots kept
   * @param rank modes; 0 for automatic
   * @param ridge added to the singular values before division
   * @param fallback what forecasts while fewer than four equally spaced snapshots exist
   */
  record Dmd(
      Coverage coverage,
      int history,
      int rank,
      double ridge,
      SvdPrecision svdPrecision,
      Fallback fallback)
      implements CalibratorConfig {

    /**
     * The Taylor ladder behind the modes.
     *
     * @param order highest derivative
     * @param doubledSlope true takes differences against the ladder before the previous one but
     *     divides by one window, as the reference does; false divides by both windows
     */
    public record Fallback(int order, boolean doubledSlope) {
      public static final Fallback REFERENCE = new Fallback(1, true);
    }

    @Override
    public String tag() {
      return "DMDH" + history + svdPrecision.tag();
    }
  }
}
