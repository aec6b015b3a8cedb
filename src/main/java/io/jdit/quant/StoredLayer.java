package io.jdit.quant;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.util.List;
import java.util.Map;

/**
 * How a checkpoint holds the weight [out, in] of a linear layer. Names are those behind the layer's
 * own.
 *
 * @param type that it is computed as
 * @param codes name of the codes
 * @param scale name of the scales
 * @param zero name of the zero points, in the form of the scales; of int8 all have to be 0. Null
 *     without
 * @param stored shape of the scales in the checkpoint
 * @param grid the same in two dimensions, which may be coarser than the type's: a scale then counts
 *     for several of its blocks
 * @param unused full names of tensors that say something of the layer that is not needed
 */
record StoredLayer(
    QuantType type,
    String codes,
    String scale,
    String zero,
    long[] stored,
    long[] grid,
    List<String> unused) {

  /** The weight, or the shard of it that {@code w} stands for. */
  QuantizedWeight read(Weights w, int in, int out) {
    Map<String, long[]> shapes = QuantizedWeight.shapes(type, out, in);
    w.ignore(unused.toArray(String[]::new));
    // Two codes of 4 bits in a byte.
    Weights coded = type.scales() == QuantType.Scales.PER_GROUP ? w.grouped(1, 2, false) : w;
    Tensor c = coded.as(type.codes()).get(codes, shapes.get(QuantizedWeight.CODES));
    Tensor s = spread(w, scale, QuantizedWeight.SCALE, shapes);
    if (zero == null || shapes.containsKey(QuantizedWeight.ZERO)) {
      return new QuantizedWeight(
          type, c, s, zero == null ? null : spread(w, zero, QuantizedWeight.ZERO, shapes));
    }
    w.as(DType.INT8).get(zero, stored, t -> requireZeros(t, w.describe(zero)), stored).close();
    return new QuantizedWeight(type, c, s, null);
  }

  private Tensor spread(Weights w, String name, String part, Map<String, long[]> shapes) {
    long[] shape = shapes.get(part);
    Weights scales =
        switch (type.scales()) {
          case PER_GROUP -> w.grouped(1, QuantType.GROUP, true);
          case PER_BLOCK -> w.grouped(QuantType.BLOCK, QuantType.BLOCK, false);
          default -> w;
        };
    return scales
        .as(QuantizedWeight.dtype(type, part))
        .get(name, stored, t -> spread(t, shape), shape);
  }

  private Tensor spread(Tensor coarse, long[] shape) {
    Tensor t = coarse.view(grid);
    for (int dim = 0; dim < grid.length; dim++) {
      long times = shape[dim] / grid[dim];
      t = times == 1 ? t : t.repeatInterleave(times, dim);
    }
    return t;
  }

  private static Tensor requireZeros(Tensor t, String tensor) {
    if (!t.device().isMeta() && t.to(DType.FLOAT32).abs().max().item() != 0) {
      throw new ModelFormatException(
          tensor + " holds zero points other than 0; what can be read: symmetric int8");
    }
    return t;
  }
}
