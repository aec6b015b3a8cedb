package io.jdit.quant;

import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.QuantizedKernels;
import io.jdit.kernels.QuantizedKernels.PackedWeight;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.UnaryOperator;

/**
 * A linear layer with its weight as codes and scales: by a kernel of its own where there is one,
 * else by LibTorch's products.
 */
final class QuantizedLinear implements Linear {
  private final QuantizedWeight weight; // null where packed
  private final PackedWeight packed; // null where not
  private final Tensor bias; // [out] or null

  private QuantizedLinear(QuantizedWeight weight, PackedWeight packed, Tensor bias) {
    this.weight = weight;
    this.packed = packed;
    this.bias = bias;
  }

  /**
   * @param weight whose parts are taken over
   * @param bias [out] in {@code dtype}, owned already, or null
   * @param dtype of the activations
   * @param owner keeps what the layer holds
   */
  static QuantizedLinear of(
      QuantizedWeight weight, Tensor bias, DType dtype, UnaryOperator<Tensor> owner) {
    QuantizedKernels.Format format = weight.type().kernel();
    boolean kernel =
        format != null
            && QuantizedKernels.supports(dtype, weight.codes().device(), weight.inFeatures());
    if (!kernel) {
      weight.parts().values().forEach(owner::apply);
      return new QuantizedLinear(weight, null, bias);
    }
    PackedWeight packed =
        new PackedWeight(
            format,
            owner.apply(QuantizedKernels.pack(format, weight.codes())),
            owner.apply(weight.scale()),
            weight.zero() == null ? null : owner.apply(weight.zero()),
            weight.outFeatures(),
            weight.inFeatures());
    weight.codes().close();
    return new QuantizedLinear(null, packed, bias);
  }

  /** By LibTorch's products on any machine. */
  static QuantizedLinear eager(QuantizedWeight weight, Tensor bias) {
    return new QuantizedLinear(weight, null, bias);
  }

  @Override
  public Tensor forward(Input x) {
    return forward(x, false);
  }

  @Override
  public Tensor forwardGeluTanh(Input x) {
    return forward(x, true);
  }

  @Override
  public boolean takesGeluTanh() {
    return packed == null
        && weight.type().sharesCodes()
        && CodeKernels.supports(weight.codes().device());
  }

  private Tensor forward(Input x, boolean geluTanh) {
    if (packed != null) {
      return x.apply(t -> QuantizedKernels.linear(t, packed, bias, geluTanh));
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor y = QuantizedProduct.linear(x, weight, bias, geluTanh);
      long[] shape = x.shape();
      shape[shape.length - 1] = outFeatures();
      return scope.keep(y.view(shape));
    }
  }

  @Override
  public int inFeatures() {
    return (int) (packed == null ? weight.inFeatures() : packed.in());
  }

  @Override
  public int outFeatures() {
    return (int) (packed == null ? weight.outFeatures() : packed.columns());
  }
}
