package io.jdit.quant;

import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Input;
import io.jdit.tensor.CodeProduct;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.OneDnn;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * x W^T + b with a quantized weight on any device, by LibTorch's products: the reference of {@link
 * io.jdit.kernels.QuantizedKernels} and what computes where there is none. Roundings are torchao's.
 */
final class QuantizedProduct {
  private QuantizedProduct() {}

  /**
   * @param x [..., K], M rows
   * @param bias [N] in x's dtype, or null
   * @param geluTanh GELU (tanh approximation) of the result
   * @return [M, N] in x's dtype
   */
  static Tensor linear(Input x, QuantizedWeight w, Tensor bias, boolean geluTanh) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          switch (w.type()) {
            case INT8_PER_ROW, INT8_PER_TENSOR -> int8(x, w, bias, geluTanh);
            case INT8_WEIGHT_ONLY -> then(geluTanh, int8WeightOnly(rows(x), w, bias));
            case FLOAT8_WEIGHT_ONLY ->
                then(geluTanh, plus(product(rows(x), w.values(x.dtype()), null), bias));
            case INT4_WEIGHT_ONLY -> then(geluTanh, product(rows(x), w.values(x.dtype()), bias));
            case FLOAT8_PER_ROW, FLOAT8_PER_TENSOR -> then(geluTanh, float8(x, w, bias));
            case FLOAT8_PER_BLOCK -> then(geluTanh, float8Blocks(rows(x), w, bias));
          });
    }
  }

  private static Tensor then(boolean geluTanh, Tensor y) {
    return geluTanh ? Kernels.geluTanh(y) : y;
  }

  private static Tensor int8(Input x, QuantizedWeight w, Tensor bias, boolean geluTanh) {
    Codes rows = codes(x, w);
    Tensor exact = CodeProduct.int8(rows.codes(), w.codes());
    Tensor sums = exact == null ? inFloat32(rows.codes(), w.codes()) : exact;
    return CodeKernels.scaleSums(sums, rows.scale(), w.scale(), bias, x.dtype(), geluTanh);
  }

  /** [M, K]. */
  private static Tensor rows(Input x) {
    Tensor t = x.tensor();
    return t.reshape(-1, t.size(-1));
  }

  /** Codes [M, K] of an activation, with as many scales as the type has. */
  private static Codes codes(Input x, QuantizedWeight w) {
    Codes all = x.codes(w.type().codes(), w.type().scales() == QuantType.Scales.PER_TENSOR);
    return new Codes(all.codes().view(-1, w.inFeatures()), all.scale().view(-1, 1));
  }

  private static Tensor int8WeightOnly(Tensor x, QuantizedWeight w, Tensor bias) {
    Tensor y = product(x, w.codes().to(x.dtype()), null);
    return plus(y.mul(w.scale().view(-1).to(x.dtype())), bias);
  }

  private static Tensor float8(Input x, QuantizedWeight w, Tensor bias) {
    Codes rows = codes(x, w);
    Tensor codes = rows.codes();
    Tensor s = rows.scale();
    // LibTorch's of the CPU expands the codes as well.
    if (x.device().isCuda() && x.dtype() == DType.BFLOAT16) {
      Tensor y = CodeProduct.float8(codes, w.codes(), s, w.scale(), bias, x.dtype());
      if (y != null) {
        return y;
      }
    }
    Tensor sums = inFloat32(codes, w.codes());
    return plus(sums.mul(s.mul(w.scale().view(1, -1))), bias).to(x.dtype());
  }

  private static Tensor float8Blocks(Tensor x, QuantizedWeight w, Tensor bias) {
    Codes parts =
        CodeKernels.quantize(x.view(x.size(0), -1, QuantType.BLOCK), w.type().codes(), false);
    Tensor held = parts.codes().to(DType.FLOAT32).mul(parts.scale()).view(x.shape());
    return plus(product(held, w.values(DType.FLOAT32), null).to(x.dtype()), bias);
  }

  private static Tensor inFloat32(Tensor codes, Tensor weight) {
    return product(codes.to(DType.FLOAT32), weight.to(DType.FLOAT32), null);
  }

  private static Tensor product(Tensor x, Tensor weight, Tensor bias) {
    return OneDnn.supports(x.dtype(), x.device())
        ? OneDnn.linear(x, OneDnn.packLinearWeight(weight), bias, false)
        : Functional.linear(x, weight, bias);
  }

  private static Tensor plus(Tensor y, Tensor bias) {
    return bias == null ? y : y.add(bias);
  }
}
