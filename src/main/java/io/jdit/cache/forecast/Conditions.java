package io.jdit.cache.forecast;

import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a profile holds for: a model and the settings that its velocities depend on.
 *
 * @param model fingerprint of the transformers' weights
 * @param dtype that the model computed in
 * @param size pixels of the pictures, with frames where it makes videos
 * @param settings numbers of the request by name: steps, guidance and what else the model takes
 */
public record Conditions(String model, String dtype, Size size, Map<String, Double> settings) {
  private static final List<Key<? extends Number>> SETTINGS =
      List.of(
          RequestKeys.NUM_INFERENCE_STEPS,
          RequestKeys.TRUE_CFG_SCALE,
          RequestKeys.GUIDANCE_SCALE,
          RequestKeys.GUIDANCE_SCALE_2,
          RequestKeys.CFG_NORMALIZATION,
          RequestKeys.CFG_TRUNCATION,
          RequestKeys.BOUNDARY_RATIO,
          RequestKeys.FLOW_SHIFT);

  /**
   * Pixels of a picture or frame, and frames.
   *
   * @param frames 1 for a picture
   */
  public record Size(int width, int height, int frames) {
    public Size {
      Required.that(width > 0 && height > 0 && frames > 0, "size has a number below 1");
    }

    /** Sizes of about as many pixels are of one class: their logarithm to the base of 2. */
    long sizeClass() {
      return Math.round(Math.log((double) width * height * frames) / Math.log(2));
    }

    @Override
    public String toString() {
      return width + "x" + height + (frames > 1 ? "x" + frames : "");
    }
  }

  public Conditions {
    Required.given("model", model);
    Required.given("dtype", dtype);
    Required.given("size", size);
    Required.given("settings", settings);
    settings = Map.copyOf(settings);
  }

  /**
   * The conditions of a request.
   *
   * @param request with the model's defaults filled in
   */
  public static Conditions of(String model, String dtype, Values request) {
    Map<String, Double> settings = new LinkedHashMap<>();
    for (Key<? extends Number> key : SETTINGS) {
      Number value = request.isSet(key) ? request.get(key) : null;
      if (value != null) {
        settings.put(key.name(), value.doubleValue());
      }
    }
    Integer frames = request.get(RequestKeys.NUM_FRAMES);
    Size size =
        new Size(
            request.get(RequestKeys.WIDTH),
            request.get(RequestKeys.HEIGHT),
            frames == null ? 1 : frames);
    return new Conditions(model, dtype, size, settings);
  }

  /**
   * How these differ from what a profile was made for; empty when it holds.
   *
   * @return each as {@code steps 20, the profile has 28}
   */
  public List<String> differences(Conditions profile) {
    List<String> differences = new ArrayList<>();
    if (!model.equals(profile.model)) {
      differences.add("it is of another model");
    }
    for (Key<?> key : SETTINGS) {
      Double here = settings.get(key.name());
      Double there = profile.settings.get(key.name());
      if (here == null ? there != null : !here.equals(there)) {
        differences.add(difference(key.name(), plain(here), plain(there)));
      }
    }
    if (size.sizeClass() != profile.size.sizeClass()) {
      differences.add(difference("size", size.toString(), profile.size.toString()));
    }
    if (!dtype.equals(profile.dtype)) {
      differences.add(difference("dtype", dtype, profile.dtype));
    }
    return differences;
  }

  private static String difference(String what, String here, String there) {
    return "%s is %s, the profile has %s".formatted(what, here, there);
  }

  private static String plain(Double value) {
    return value == null
        ? "not set"
        : value == Math.rint(value) ? String.valueOf(value.longValue()) : value.toString();
  }

  /** A name for a file of these. */
  public String fileName() {
    return model.substring(0, 12) + "-" + toString().replaceAll("[^A-Za-z0-9.]+", "-") + ".json";
  }

  /** For people: size, settings and dtype. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(size.toString());
    for (Key<?> key : SETTINGS) {
      if (settings.containsKey(key.name())) {
        text.append(", ").append(key).append(' ').append(plain(settings.get(key.name())));
      }
    }
    return text.append(", ").append(dtype).toString();
  }
}
