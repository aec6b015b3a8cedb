package io.jdit.pipeline;

import io.jdit.nn.LinearFactory;
import io.jdit.transformer.GuidanceBranches;
import io.jdit.transformer.SequenceParallel;
import io.jdit.vae.TileSharing;

/**
 * What of a generation this rank does, besides the transformer's layers and attention.
 *
 * @param textLinears layers of the text encoders
 * @param sequence tokens that this rank holds
 * @param guidance branches that this rank computes
 * @param tiles who decodes the tiles of a picture; null leaves tiling to the picture's size
 */
public record Distribution(
    LinearFactory textLinears,
    SequenceParallel sequence,
    GuidanceBranches guidance,
    TileSharing tiles) {

  /** Everything on one rank. */
  public static Distribution none() {
    return new Distribution(
        LinearFactory.dense(), SequenceParallel.none(), GuidanceBranches.here(), null);
  }
}
