package io.jdit.tensor;

import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.ListType;
import org.bytedeco.pytorch.OptionalType;

/**
 * Linear layers of oneDNN with weights in its own blocked layout. LibTorch's plain {@code linear}
 * goes to OpenBLAS in float32, whose threads are a second pool beside OpenMP's and wait for each
 * other badly on a busy machine, and in bfloat16 it reorders the weight in every call.
 */
public final class OneDnn {
  /** Rows for which the layout is chosen; it serves other counts as well. */
  private static final long TYPICAL_ROWS = 1024;

  private static final class Ops {
    static final AtenOp REORDER = new AtenOp("mkldnn::_reorder_linear_weight");
    static final AtenOp LINEAR = new AtenOp("mkldnn::_linear_pointwise");

    /** bfloat16 needs AVX-512 or AVX-NE-CONVERT; asking for it elsewhere is an error. */
    static final boolean BFLOAT16 = new AtenOp("mkldnn::_is_mkldnn_bf16_supported").isTrue();

    static final GenericList NO_SCALARS =
        new GenericList(OptionalType.get(ListType.ofNumbers().containedType(0)));
  }

  private OneDnn() {}

  /** True for the dtypes and devices that {@link #linear} is for on this processor. */
  public static boolean supports(DType dtype, Device device) {
    return device.isCpu() && (dtype == DType.FLOAT32 || dtype == DType.BFLOAT16 && Ops.BFLOAT16);
  }

  /** Copies a weight [out, in] into oneDNN's layout. Only {@link #linear} can read the result. */
  public static Tensor packLinearWeight(Tensor weight) {
    return Ops.REORDER.call(new IValue(weight.handle()), new IValue(TYPICAL_ROWS));
  }

  /**
   * x W^T + b, then GELU (tanh approximation) if asked.
   *
   * @param packed from {@link #packLinearWeight}
   * @param bias may be null
   */
  public static Tensor linear(Tensor x, Tensor packed, Tensor bias, boolean geluTanh) {
    return Ops.LINEAR.call(
        new IValue(x.handle()),
        new IValue(packed.handle()),
        bias == null ? new IValue() : new IValue(bias.handle()),
        new IValue(geluTanh ? "gelu" : "none"),
        new IValue(Ops.NO_SCALARS),
        new IValue(geluTanh ? "tanh" : ""));
  }
}
