package io.jdit.vae;

import io.jdit.tensor.Tensor;
import java.util.function.IntFunction;

/** Who computes the tiles of a picture: one process all of them, or every rank a share. */
@FunctionalInterface
public interface TileSharing {
  /** A picture in tiles that do not depend on each other. */
  interface Tiles {
    int count();

    /** Shape of a computed tile. */
    long[] shape(int tile);

    /** Computes a tile; the caller owns it. */
    Tensor compute(int tile);

    /** Shape of the whole. */
    long[] joinedShape();

    /**
     * Blends the tiles to the whole.
     *
     * @param tiles asked for each tile once, in ascending order; the tile becomes the whole's
     */
    Tensor join(IntFunction<Tensor> tiles);
  }

  /** The whole, the same on every rank. */
  Tensor run(Tiles tiles);

  /** All tiles here, each when it is needed. */
  static TileSharing here() {
    return tiles -> tiles.join(tiles::compute);
  }
}
