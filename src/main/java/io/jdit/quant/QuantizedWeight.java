package io.jdit.quant;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A weight [N, K] as codes and scales.
 *
 * @param codes float8 or int8 [N, K]; for 4 bits uint8 [N, K / 2]
 * @param scale float32 [N, 1], [1, 1] or [N / 128, K / 128]; for 4 bits bfloat16 [K / 32, N]
 * @param zero of 4 bits, bfloat16 [K / 32, N]; else null
 */
record QuantizedWeight(QuantType type, Tensor codes, Tensor scale, Tensor zero) {
  /** Names of the parts in a checkpoint, behind the layer's name: torchao's. */
  static final String CODES = "_weight_qdata";

  static final String SCALE = "_weight_scale";
  static final String ZERO = "_weight_zero_point";

  /**
   * Elements of a weight that are quantized at a time, at least a row of it: what the operators
   * make of them is some 10 MB, up to 40 where scales are of blocks. As float32 they are just less
   * than what is mapped while weights are loaded (io.jdit.kernels.NativeHeap), which takes twice as
   * long.
   */
  private static final long PIECE = (1 << 18) - 1;

  /**
   * Quantizes a weight. The parts belong to the innermost scope.
   *
   * @param weight [N, K]; its sizes fit the type
   */
  static QuantizedWeight of(QuantType type, Tensor weight) {
    QuantizedWeight parts = empty(type, weight.device(), weight.size(0), weight.size(1));
    if (!weight.device().isMeta()) { // LibTorch lacks some of the operators there
      parts.fill(weight);
    }
    return parts;
  }

  private static QuantizedWeight empty(QuantType type, Device device, long out, long in) {
    Map<String, Tensor> parts = new LinkedHashMap<>();
    shapes(type, out, in)
        .forEach((name, shape) -> parts.put(name, Tensor.empty(dtype(type, name), device, shape)));
    return new QuantizedWeight(type, parts.get(CODES), parts.get(SCALE), parts.get(ZERO));
  }

  /** Rows are quantized some at a time: each operator makes a copy of its numbers in float32. */
  private void fill(Tensor weight) {
    try (TensorScope scope = TensorScope.open()) {
      if (type.scales() == QuantType.Scales.PER_TENSOR) {
        scale.copy_(scalesOf(weight, true));
      }
    }
    long rows = weight.size(0);
    int whole = type.scales() == QuantType.Scales.PER_BLOCK ? QuantType.BLOCK : 1;
    long some = Math.max(1, PIECE / (whole * weight.size(1))) * whole;
    for (long row = 0; row < rows; row += some) {
      try (TensorScope scope = TensorScope.open()) {
        fill(row, weight.narrow(0, row, Math.min(some, rows - row)));
      }
    }
  }

  private void fill(long row, Tensor v) {
    long n = v.size(0);
    Tensor into = codes.narrow(0, row, n);
    switch (type.scales()) {
      case PER_TENSOR -> into.copy_(codesOf(v, scale));
      case PER_ROW -> {
        Tensor s = scalesOf(v, false);
        scale.narrow(0, row, n).copy_(s);
        into.copy_(codesOf(v, s));
      }
      case PER_BLOCK -> {
        int b = QuantType.BLOCK;
        Tensor s = scalesOf(Rounding.blocks(v), false).squeeze(2);
        scale.narrow(0, row / b, n / b).copy_(s);
        into.copy_(codesOf(v, Rounding.spread(s, b, b)));
      }
      case PER_GROUP -> {
        Tensor[] parts = Rounding.int4(v);
        into.copy_(parts[0]);
        scale.narrow(1, row, n).copy_(parts[1]);
        zero.narrow(1, row, n).copy_(parts[2]);
      }
    }
  }

  private Tensor scalesOf(Tensor v, boolean perTensor) {
    return type.codes() == DType.INT8
        ? Rounding.int8Scale(v, perTensor)
        : Rounding.float8Scale(v, perTensor);
  }

  private Tensor codesOf(Tensor v, Tensor scales) {
    return type.codes() == DType.INT8
        ? Rounding.int8Codes(v, scales)
        : Rounding.float8Codes(v, scales);
  }

  /** Shapes of the parts of a weight [out, in] by their names in a checkpoint. */
  static Map<String, long[]> shapes(QuantType type, long out, long in) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    switch (type.scales()) {
      case PER_GROUP -> {
        shapes.put(CODES, new long[] {out, in / 2});
        shapes.put(SCALE, new long[] {in / QuantType.GROUP, out});
        shapes.put(ZERO, new long[] {in / QuantType.GROUP, out});
      }
      case PER_BLOCK -> {
        shapes.put(CODES, new long[] {out, in});
        shapes.put(SCALE, new long[] {out / QuantType.BLOCK, in / QuantType.BLOCK});
      }
      default -> {
        shapes.put(CODES, new long[] {out, in});
        shapes.put(SCALE, new long[] {type.scales() == QuantType.Scales.PER_ROW ? out : 1, 1});
      }
    }
    return shapes;
  }

  /** The parts by their names in a checkpoint. */
  Map<String, Tensor> parts() {
    Map<String, Tensor> parts = new LinkedHashMap<>();
    parts.put(CODES, codes);
    parts.put(SCALE, scale);
    if (zero != null) {
      parts.put(ZERO, zero);
    }
    return parts;
  }

  /** Bytes of a weight [out, in] in this type. */
  static long bytes(QuantType type, long out, long in) {
    long bytes = 0;
    for (Map.Entry<String, long[]> part : shapes(type, out, in).entrySet()) {
      bytes += Shapes.elements(part.getValue()) * dtype(type, part.getKey()).bytes();
    }
    return bytes;
  }

  /** Type that a part is stored as. */
  static DType dtype(QuantType type, String part) {
    if (part.equals(CODES)) {
      return type.codes();
    }
    return type.scales() == QuantType.Scales.PER_GROUP ? DType.BFLOAT16 : DType.FLOAT32;
  }

  long outFeatures() {
    return codes.size(0);
  }

  long inFeatures() {
    return type == QuantType.INT4_WEIGHT_ONLY ? 2 * codes.size(1) : codes.size(1);
  }

  /** The weight that codes and scales stand for, rounded to {@code dtype}, [N, K]. */
  Tensor values(DType dtype) {
    try (TensorScope scope = TensorScope.open()) {
      if (type == QuantType.INT4_WEIGHT_ONLY) {
        return scope.keep(Rounding.int4Values(codes, scale, zero, dtype));
      }
      int b = QuantType.BLOCK;
      boolean blocks = type.scales() == QuantType.Scales.PER_BLOCK;
      Tensor s = blocks ? Rounding.spread(scale, b, b) : scale;
      return scope.keep(codes.to(DType.FLOAT32).mul(s).to(dtype));
    }
  }
}
