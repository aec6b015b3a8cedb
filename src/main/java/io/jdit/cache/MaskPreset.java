package io.jdit.cache;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Named step masks, from cautious to daring. */
public enum MaskPreset {
  SLOW,
  MEDIUM,
  FAST,
  ULTRA;

  /** Alternating runs of computed and cached steps. */
  record Bins(List<Integer> compute, List<Integer> cache) {}

  private static final int LONG_BASE = 28;
  private static final int SHORT_BASE = 15;
  private static final int SHORT_FROM = 10;
  private static final int LONG_FROM = 16;

  /** Per base length, in the order of the constants: compute bins / cache bins. */
  private static final Map<Integer, List<Bins>> BASES =
      Map.of(
          28,
          List.of(
              bins("8,3,3,2,1,1/1,2,2,2,3"),
              bins("6,2,2,2,2,1/1,3,3,3,3"),
              bins("6,1,1,1,1,1/1,3,4,5,4"),
              bins("4,1,1,1,1/2,5,6,7")),
          15,
          List.of(
              bins("4,2,2,2,1/1,1,1,1"),
              bins("4,2,1,1,1/1,1,2,2"),
              bins("3,1,1,1,1/1,2,2,3"),
              bins("2,1,1,1,1/1,2,3,3")),
          9,
          List.of(bins("5,2,1/1"), bins("5,1,1/1,1"), bins("4,1,1/1,2"), bins("3,1,1/2,2")),
          8,
          List.of(bins("5,1,1/1"), bins("4,1,1/1,1"), bins("3,1,1/1,2"), bins("2,1,1/2,2")),
          6,
          List.of(bins("3,1/2"), bins("3,1/2"), bins("3,1/2"), bins("3,1/2")),
          4,
          List.of(bins("2,1/1"), bins("2,1/1"), bins("2,1/1"), bins("2,1/1")));

  /** The name on the command line and in files. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The preset of this name, spelt exactly, or null. */
  static MaskPreset find(String text) {
    return Arrays.stream(values()).filter(p -> p.text().equals(text)).findFirst().orElse(null);
  }

  /**
   * @throws IllegalArgumentException naming the text and the presets
   */
  public static MaskPreset parse(String text) {
    MaskPreset preset = find(text);
    if (preset == null) {
      throw new IllegalArgumentException(
          "unknown mask preset '" + text + "': use slow, medium, fast, ultra");
    }
    return preset;
  }

  /** Whether presets have a form for so many steps. */
  static boolean fits(int totalSteps) {
    return totalSteps >= SHORT_FROM || BASES.containsKey(totalSteps);
  }

  /**
   * The bins that a mask of {@code totalSteps} is made from, before they are grown or shrunk.
   *
   * @throws IllegalArgumentException for fewer than 8 steps other than 4 and 6
   */
  Bins bins(int totalSteps) {
    int base =
        totalSteps >= LONG_FROM ? LONG_BASE : totalSteps >= SHORT_FROM ? SHORT_BASE : totalSteps;
    List<Bins> presets = BASES.get(base);
    if (presets == null) {
      throw new IllegalArgumentException(
          ("mask preset %s has no form for %s steps: use 4, 6, 8 or more, or give the mask "
                  + "by bins")
              .formatted(text(), totalSteps));
    }
    return presets.get(ordinal());
  }

  private static Bins bins(String text) {
    String[] halves = text.split("/");
    return new Bins(integers(halves[0]), integers(halves[1]));
  }

  private static List<Integer> integers(String text) {
    return Arrays.stream(text.split(",")).map(Integer::valueOf).toList();
  }
}
