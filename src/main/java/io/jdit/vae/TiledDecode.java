package io.jdit.vae;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.UnaryOperator;

/**
 * Decoding in overlapping tiles (diffusers' tiled_decode): latent tiles of {@code sampleSize / f}
 * at three quarters of that distance; decoded tiles are blended linearly with the one above and the
 * one to the left over a quarter of the sample size, and cropped to what the next tile does not
 * cover.
 *
 * @param tile edge of a latent tile
 * @param stride distance of latent tiles
 * @param blend picture rows and columns that are blended
 * @param keep picture rows and columns of a tile that are kept
 */
record TiledDecode(int tile, int stride, int blend, int keep) {
  private static final double OVERLAP = 0.25;

  static TiledDecode of(KlConfig config) {
    int sample = config.sampleSize();
    int tile = sample / config.scaleFactor();
    int blend = (int) (sample * OVERLAP);
    return new TiledDecode(tile, Math.max(1, (int) (tile * (1 - OVERLAP))), blend, sample - blend);
  }

  Tensor decode(Tensor z, UnaryOperator<Tensor> decoder) {
    long height = z.size(2);
    long width = z.size(3);
    if (height <= tile && width <= tile) {
      return decoder.apply(z);
    }
    int rows = Math.toIntExact((height + stride - 1) / stride);
    int columns = Math.toIntExact((width + stride - 1) / stride);
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] bands = new Tensor[rows];
      Tensor[] above = null;
      for (int r = 0; r < rows; r++) {
        Tensor[] row = new Tensor[columns];
        Tensor[] cropped = new Tensor[columns];
        for (int c = 0; c < columns; c++) {
          row[c] = decodeTile(z, decoder, (long) r * stride, (long) c * stride);
          if (above != null) {
            blend(above[c], row[c], 2);
          }
          if (c > 0) {
            blend(row[c - 1], row[c], 3);
          }
          cropped[c] = crop(crop(row[c], 2), 3);
        }
        bands[r] = Tensor.cat(3, cropped);
        closeAll(above);
        above = row;
      }
      return scope.keep(Tensor.cat(2, bands));
    }
  }

  private Tensor decodeTile(Tensor z, UnaryOperator<Tensor> decoder, long y, long x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor part =
          z.narrow(2, y, Math.min(tile, z.size(2) - y))
              .narrow(3, x, Math.min(tile, z.size(3) - x))
              .contiguous();
      return scope.keep(decoder.apply(part));
    }
  }

  /** Fades {@code next} in over the last rows (dim 2) or columns (dim 3) of {@code previous}. */
  private void blend(Tensor previous, Tensor next, int dim) {
    long extent = Math.min(Math.min(previous.size(dim), next.size(dim)), blend);
    if (extent == 0) {
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor ramp =
          Tensor.arange(extent, DType.FLOAT32, next.device()).div(extent).to(next.dtype());
      Tensor weight = dim == 2 ? ramp.view(1, 1, extent, 1) : ramp.view(1, 1, 1, extent);
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
