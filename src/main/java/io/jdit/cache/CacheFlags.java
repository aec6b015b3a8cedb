package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.Layer;
import io.jdit.config.Values;
import java.util.List;
import java.util.stream.Stream;

/**
 * The cache options of the command line.
 *
 * @param given those of {@link CacheKeys#OPTIONS}
 */
public record CacheFlags(Values given) {
  /** No option given. */
  public static CacheFlags none() {
    return new CacheFlags(Values.none());
  }

  /** True for {@code --cache}, false for {@code --no-cache}, null for neither. */
  Boolean cache() {
    CacheSwitch said = cacheSwitch();
    QualityTier quality = given.get(CacheKeys.FORECAST_QUALITY);
    return said != null
        ? Boolean.valueOf(said != CacheSwitch.OFF)
        : quality == null ? null : quality != QualityTier.LOSSLESS;
  }

  private CacheSwitch cacheSwitch() {
    return given.get(CacheKeys.CACHE);
  }

  /** The first option besides the switch, or null. */
  String first() {
    return CacheKeys.OPTIONS.keys().stream()
        .filter(key -> key != CacheKeys.CACHE && given.isSet(key))
        .map(Key::option)
        .findFirst()
        .orElse(null);
  }

  /**
   * The fields that the options set.
   *
   * @throws ConfigException for options that exclude each other
   */
  Layer fields() {
    Layer layer = Layer.none();
    for (Key<?> key : given.keys()) {
      if (CacheKeys.isField(key)) {
        layer = field(layer, key);
      }
    }
    if (given.isSet(CacheKeys.FORECAST_QUALITY)) {
      requireAlone(CacheKeys.FORECAST_QUALITY);
      layer =
          layer.with(CacheKeys.CACHE_TYPE, CacheType.FORECAST, origin(CacheKeys.FORECAST_QUALITY));
    }
    if (cacheSwitch() != null && cacheSwitch().type() != null) {
      layer = layer.with(CacheKeys.CACHE_TYPE, cacheSwitch().type(), origin(CacheKeys.CACHE));
    }
    if (isOn(CacheKeys.PRUNE)) {
      if (cacheSwitch() == CacheSwitch.FORECAST || cacheSwitch() == CacheSwitch.DBCACHE) {
        throw new ConfigException("--prune is --cache dbprune: give one of them");
      }
      layer = layer.with(CacheKeys.CACHE_TYPE, CacheType.DBPRUNE, origin(CacheKeys.PRUNE));
    }
    return mask(calibrator(layer));
  }

  private void requireAlone(Key<?> key) {
    for (Key<?> other : given.keys()) {
      if (other != key && given.get(other) != CacheSwitch.OFF) {
        throw new ConfigException(
            key.option() + " chooses the cache by itself: leave out " + other.option());
      }
    }
  }

  private <T> Layer field(Layer layer, Key<T> key) {
    return layer.with(key, given.get(key), origin(key));
  }

  private static String origin(Key<?> key) {
    return "flag " + key.option();
  }

  private boolean isOn(Key<Boolean> key) {
    return Boolean.TRUE.equals(given.get(key));
  }

  private Layer calibrator(Layer layer) {
    List<CalibratorKind> chosen =
        Stream.of(CalibratorKind.values())
            .filter(kind -> kind != CalibratorKind.NONE && isOn(CacheKeys.enabling(kind)))
            .toList();
    if (chosen.isEmpty()) {
      return layer;
    }
    CalibratorKind.requireOne(chosen, "", Key::option);
    String origin = origin(CacheKeys.enabling(chosen.get(0)));
    return layer
        .with(CacheKeys.CALIBRATOR, chosen.get(0), origin)
        .with(CacheKeys.ENABLE_ENCODER_CALIBRATOR, true, origin);
  }

  private Layer mask(Layer layer) {
    String scm = given.get(CacheKeys.SCM);
    List<Integer> compute = given.get(CacheKeys.SCM_COMPUTE_BINS);
    List<Integer> cache = given.get(CacheKeys.SCM_CACHE_BINS);
    if ((compute == null) != (cache == null)) {
      throw new ConfigException("--scm-compute-bins and --scm-cache-bins need each other");
    }
    if (compute != null && scm != null) {
      throw new ConfigException("--scm and --scm-compute-bins exclude each other");
    }
    if (compute == null && scm == null) {
      return layer;
    }
    StepMaskSource source =
        compute != null
            ? new StepMaskSource.Bins(compute, cache)
            : scm.equals("none") ? null : StepMaskSource.TYPE.parse(scm, "--scm");
    Key<?> option = compute != null ? CacheKeys.SCM_COMPUTE_BINS : CacheKeys.SCM;
    return layer.with(CacheKeys.STEPS_COMPUTATION_MASK, source, origin(option));
  }
}
