package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.QuantizedKernels;
import io.jdit.kernels.QuantizedKernels.PackedWeight;
import io.jdit.tensor.DType;
import io.jdit.tensor.OneDnn;
import io.jdit.tensor.Tensor;

/**
 * A linear layer in bfloat16 on a processor that has no products of bfloat16: panels of the weight
 * are expanded to float32 as they are used. LibTorch's own layer takes four times as long there.
 */
final class PanelLinear implements Linear {
  private final PackedWeight weight;
  private final Tensor bias; // [out] or null

  PanelLinear(Weights w, int in, int out, boolean bias) {
    try (Tensor plain = w.get("weight", out, in)) {
      Tensor panels = QuantizedKernels.pack(QuantizedKernels.Format.BFLOAT16_WEIGHT, plain);
      this.weight =
          new PackedWeight(
              QuantizedKernels.Format.BFLOAT16_WEIGHT,
              w.own(panels),
              null,
              null,
              plain.size(0),
              plain.size(1));
    }
    this.bias = bias ? w.get("bias", out) : null;
  }

  /** Whether it is the better layer for weights of this place. */
  static boolean suits(Weights w, int in, int out) {
    return w.dtype() == DType.BFLOAT16
        && !OneDnn.supports(w.dtype(), w.device())
        && QuantizedKernels.supports(w.dtype(), w.device(), w.part(out, in)[1]);
  }

  @Override
  public Tensor forward(Input x) {
    return x.apply(t -> QuantizedKernels.linear(t, weight, bias, false));
  }

  @Override
  public Tensor forwardGeluTanh(Input x) {
    return x.apply(t -> QuantizedKernels.linear(t, weight, bias, true));
  }

  @Override
  public int inFeatures() {
    return (int) weight.in();
  }

  @Override
  public int outFeatures() {
    return (int) weight.columns();
  }
}
