package io.jdit.vae;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;

/**
 * Decoding in overlapping tiles (diffusers' tiled_decode): decoded tiles are blended linearly with
 * the one above and the one to the left, and cropped to what the next tile does not cover. Height
 * and width are the last two dimensions; what lies before them is in every tile whole.
 *
 * @param tile edge of a latent tile
 * @param stride distance of latent tiles
 * @param scale pixels per latent pixel
 * @param blend picture rows and columns that are blended
 * @param keep picture rows and columns of a tile that are kept
 * @param channels of the picture
 */
record TiledDecode(int tile, int stride, int scale, int blend, int keep, int channels) {
  private static final double OVERLAP = 0.25;

  /** Tiles of {@code sample} pixels that overlap by a quarter, as AutoencoderKL cuts them. */
  static TiledDecode overlapping(int sample, int scale, int channels) {
    int tile = sample / scale;
    int blend = (int) (sample * OVERLAP);
    return new TiledDecode(
        tile, Math.max(1, (int) (tile * (1 - OVERLAP))), scale, blend, sample - blend, channels);
  }

  Tensor decode(Tensor z, UnaryOperator<Tensor> decoder, TileSharing sharing) {
    if (z.size(-2) <= tile && z.size(-1) <= tile) {
      return decoder.apply(z);
    }
    return sharing.run(new Tiles(z, decoder));
  }

  /** Tiles numbered row by row. */
  private final class Tiles implements TileSharing.Tiles {
    private final Tensor z;
    private final UnaryOperator<Tensor> decoder;
    private final int rows;
    private final int columns;

    Tiles(Tensor z, UnaryOperator<Tensor> decoder) {
      this.z = z;
      this.decoder = decoder;
      this.rows = Math.toIntExact((z.size(-2) + stride - 1) / stride);
      this.columns = Math.toIntExact((z.size(-1) + stride - 1) / stride);
    }

    @Override
    public int count() {
      return rows * columns;
    }

    @Override
    public long[] shape(int index) {
      return decodedShape(
          Math.min(tile, z.size(-2) - y(index)), Math.min(tile, z.size(-1) - x(index)));
    }

    @Override
    public long[] joinedShape() {
      return decodedShape(z.size(-2), z.size(-1));
    }

    private long[] decodedShape(long height, long width) {
      long[] shape = z.shape();
      shape[1] = channels;
      shape[shape.length - 2] = height * scale;
      shape[shape.length - 1] = width * scale;
      return shape;
    }

    private long y(int index) {
      return (long) (index / columns) * stride;
    }

    private long x(int index) {
      return (long) (index % columns) * stride;
    }

    @Override
    public Tensor compute(int index) {
      return decodeTile(z, decoder, y(index), x(index));
    }

    @Override
    public Tensor join(IntFunction<Tensor> tiles) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor[] bands = new Tensor[rows];
        Tensor[] above = null;
        for (int r = 0; r < rows; r++) {
          Tensor[] row = new Tensor[columns];
          Tensor[] cropped = new Tensor[columns];
          for (int c = 0; c < columns; c++) {
            row[c] = tiles.apply(r * columns + c);
            if (above != null) {
              blend(above[c], row[c], -2);
            }
            if (c > 0) {
              blend(row[c - 1], row[c], -1);
            }
            cropped[c] = crop(crop(row[c], -2), -1);
          }
          bands[r] = Tensor.cat(-1, cropped);
          closeAll(above);
          above = row;
        }
        return scope.keep(Tensor.cat(-2, bands));
      }
    }
  }

  private Tensor decodeTile(Tensor z, UnaryOperator<Tensor> decoder, long y, long x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor part =
          z.narrow(-2, y, Math.min(tile, z.size(-2) - y))
              .narrow(-1, x, Math.min(tile, z.size(-1) - x))
              .contiguous();
      return scope.keep(decoder.apply(part));
    }
  }

  /** Fades {@code next} in over the last rows (dim -2) or columns (dim -1) of {@code previous}. */
  private void blend(Tensor previous, Tensor next, int dim) {
    long extent = Math.min(Math.min(previous.size(dim), next.size(dim)), blend);
    if (extent == 0) {
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor ramp =
          Tensor.arange(extent, DType.FLOAT32, next.device()).div(extent).to(next.dtype());
      Tensor weight = dim == -2 ? ramp.view(extent, 1) : ramp;
      Tensor tail = previous.narrow(dim, previous.size(dim) - extent, extent);
      Tensor head = next.narrow(dim, 0, extent);
      head.copy_(tail.mul(weight.neg().add(1)).add(head.mul(weight)));
    }
  }

  private Tensor crop(Tensor t, int dim) {
    return t.narrow(dim, 0, Math.min(keep, t.size(dim)));
  }

  private static void closeAll(Tensor[] tensors) {
    if (tensors != null) {
      for (Tensor t : tensors) {
        t.close();
      }
    }
  }
}
