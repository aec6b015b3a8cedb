package io.jdit.vae;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;

/**
 * Work in overlapping tiles (diffusers' tiled_decode and tiled_encode): results of tiles are
 * blended linearly with the one above and the one to the left, and cropped to what the next tile
 * does not cover. Height and width are the last two dimensions; what lies before them, time above
 * all, is in every tile whole.
 *
 * @param tile edge of a tile of the input
 * @param stride distance of tiles of the input
 * @param up pixels of the result per pixel of the input
 * @param down pixels of the input per pixel of the result; {@code up} or this one is 1
 * @param blend rows and columns of the result that are blended
 * @param keep rows and columns of a tile's result that are kept
 */
record Tiling(int tile, int stride, int up, int down, int blend, int keep) {
  private static final double OVERLAP = 0.25;

  /** Decoding in tiles of {@code sample} pixels that overlap by a quarter, as AutoencoderKL's. */
  static Tiling overlapping(int sample, int scale) {
    int tile = sample / scale;
    int blend = (int) (sample * OVERLAP);
    int stride = Math.max(1, (int) (tile * (1 - OVERLAP)));
    return new Tiling(tile, stride, scale, 1, blend, sample - blend);
  }

  /** Decoding to tiles of {@code sample} pixels at every {@code distance} pixels. */
  static Tiling decoding(int sample, int distance, int scale) {
    return new Tiling(sample / scale, distance / scale, scale, 1, sample - distance, distance);
  }

  /** Encoding of tiles of {@code sample} pixels at every {@code distance} pixels. */
  static Tiling encoding(int sample, int distance, int scale) {
    int keep = distance / scale;
    return new Tiling(sample, distance, 1, scale, sample / scale - keep, keep);
  }

  /**
   * @param x [..., H, W]
   * @param work what is done with a tile
   * @param lead dimensions of the result before height and width
   */
  Tensor run(Tensor x, UnaryOperator<Tensor> work, TileSharing sharing, long... lead) {
    if (x.size(-2) <= tile && x.size(-1) <= tile) {
      return work.apply(x);
    }
    return sharing.run(new Tiles(x, work, lead));
  }

  /** Tiles numbered row by row. */
  private final class Tiles implements TileSharing.Tiles {
    private final Tensor x;
    private final UnaryOperator<Tensor> work;
    private final long[] lead;
    private final int rows;
    private final int columns;

    Tiles(Tensor x, UnaryOperator<Tensor> work, long[] lead) {
      this.x = x;
      this.work = work;
      this.lead = lead;
      this.rows = Math.toIntExact((x.size(-2) + stride - 1) / stride);
      this.columns = Math.toIntExact((x.size(-1) + stride - 1) / stride);
    }

    @Override
    public int count() {
      return rows * columns;
    }

    @Override
    public long[] shape(int index) {
      return resultShape(
          Math.min(tile, x.size(-2) - top(index)), Math.min(tile, x.size(-1) - left(index)));
    }

    @Override
    public long[] joinedShape() {
      return resultShape(x.size(-2), x.size(-1));
    }

    private long[] resultShape(long height, long width) {
      long[] shape = Arrays.copyOf(lead, lead.length + 2);
      shape[lead.length] = height * up / down;
      shape[lead.length + 1] = width * up / down;
      return shape;
    }

    private long top(int index) {
      return (long) (index / columns) * stride;
    }

    private long left(int index) {
      return (long) (index % columns) * stride;
    }

    @Override
    public Tensor compute(int index) {
      return computeTile(x, work, top(index), left(index));
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

  private Tensor computeTile(Tensor x, UnaryOperator<Tensor> work, long top, long left) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor part =
          x.narrow(-2, top, Math.min(tile, x.size(-2) - top))
              .narrow(-1, left, Math.min(tile, x.size(-1) - left))
              .contiguous();
      return scope.keep(work.apply(part));
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
