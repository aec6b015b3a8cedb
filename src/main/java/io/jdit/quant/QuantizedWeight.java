package io.jdit.quant;

import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.CodeKernels.Codes;
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
   * Quantizes a weight. The parts belong to the innermost scope.
   *
   * @param weight [N, K]; its sizes fit the type
   */
  static QuantizedWeight of(QuantType type, Tensor weight) {
    if (weight.device().type() == Device.Type.META) {
      return withoutData(type, weight);
    }
    try (TensorScope scope = TensorScope.open()) {
      if (type == QuantType.INT4_WEIGHT_ONLY) {
        Tensor[] parts = Rounding.int4(weight);
        return new QuantizedWeight(
            type, scope.keep(parts[0]), scope.keep(parts[1]), scope.keep(parts[2]));
      }
      if (type.scales() == QuantType.Scales.PER_BLOCK) {
        Codes blocks = CodeKernels.quantize(Rounding.blocks(weight), type.codes(), false);
        return new QuantizedWeight(
            type,
            scope.keep(Rounding.joined(blocks.codes())),
            scope.keep(blocks.scale().squeeze(2)),
            null);
      }
      boolean perTensor = type.scales() == QuantType.Scales.PER_TENSOR;
      Codes rows = CodeKernels.quantize(weight, type.codes(), perTensor);
      return new QuantizedWeight(type, scope.keep(rows.codes()), scope.keep(rows.scale()), null);
    }
  }

  /** LibTorch lacks some of the operators on META. */
  private static QuantizedWeight withoutData(QuantType type, Tensor weight) {
    Map<String, long[]> shapes = shapes(type, weight.size(0), weight.size(1));
    Map<String, Tensor> parts = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> parts.put(name, Tensor.empty(dtype(type, name), weight.device(), shape)));
    return new QuantizedWeight(type, parts.get(CODES), parts.get(SCALE), parts.get(ZERO));
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
