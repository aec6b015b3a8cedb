package io.jdit.offload;

import java.util.List;
import java.util.stream.IntStream;

/**
 * How the layers of a component come and go.
 *
 * @param prefetch layers that are read ahead: below 1 the share of all of them beyond the first
 * @param residentLayers layers that stay
 * @param policy which ones
 */
record StreamSettings(double prefetch, int residentLayers, ResidencyPolicy policy) {
  /** Of {@code layers}, how many are read ahead. */
  int ahead(int layers) {
    return prefetch < 1
        ? 1 + (int) Math.round(prefetch * Math.max(0, layers - 1))
        : (int) Math.min(prefetch, Math.max(1, layers));
  }

  /**
   * Positions of those that stay.
   *
   * @throws IllegalArgumentException when nothing is left to come and go
   */
  List<Integer> resident(int layers) {
    if (residentLayers > 0 && residentLayers >= layers) {
      throw new IllegalArgumentException(
          OffloadKeys.RESIDENT_LAYERS.option()
              + " "
              + residentLayers
              + ": the transformer has "
              + layers
              + " layers; to keep all of them leave out "
              + OffloadKeys.DIT_LAYERWISE.option());
    }
    return IntStream.range(0, layers)
        .filter(
            i ->
                policy == ResidencyPolicy.LEADING
                    ? i < residentLayers
                    : share(i + 1, layers) > share(i, layers))
        .boxed()
        .toList();
  }

  private long share(int i, int layers) {
    return (long) i * residentLayers / layers;
  }
}
