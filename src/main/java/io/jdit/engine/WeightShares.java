package io.jdit.engine;

import io.jdit.pipeline.Strategies;

/**
 * Ranks that hold a part's weights between them; 1 where every rank holds all.
 *
 * @param transformer tensor-parallel ranks of the transformer
 * @param textEncoders tensor-parallel ranks of the text encoders
 */
public record WeightShares(int transformer, int textEncoders) {
  static WeightShares of(Strategies strategies) {
    return new WeightShares(
        strategies.linears("transformer").ranks(), strategies.linears("text_encoder").ranks());
  }

  /**
   * At least this many bytes of a component are on each rank: layers that are not split add to it.
   */
  long onEachRank(String component, long bytes) {
    if (component.startsWith("transformer")) {
      return bytes / transformer;
    }
    return component.startsWith("text_encoder") ? bytes / textEncoders : bytes;
  }
}
