package io.jdit.nn;

import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * What linear layers read: numbers [..., D] that may stand in two tensors, and of which GELU may
 * have to be taken. Layers that are given the same object share its codes, which belong to the
 * scope that was the innermost one when it was made.
 */
public final class Input {
  private record Kind(DType type, boolean perTensor) {}

  private final Tensor before; // [..., D - d], null where x is all
  private final Tensor x; // [..., d]
  private final boolean geluTanh; // of x
  private final TensorScope scope;
  private final Map<Kind, Codes> codes = new HashMap<>();

  private Input(Tensor before, Tensor x, boolean geluTanh) {
    this.before = before;
    this.x = x;
    this.geluTanh = geluTanh;
    this.scope = TensorScope.innermost();
    if (scope == null) {
      throw new IllegalStateException("an Input is made inside of a TensorScope, and none is open");
    }
  }

  /**
   * @param x [..., D], borrowed for as long as this is read
   * @throws IllegalStateException where no {@link TensorScope} is open
   */
  public static Input of(Tensor x) {
    return new Input(null, x, false);
  }

  /** GELU (tanh approximation) of x, for the layer to take; see {@link Linear#takesGeluTanh}. */
  public static Input geluTanhOf(Tensor x) {
    return new Input(null, x, true);
  }

  /** {@code before} [..., a] and this, which is one tensor [..., b], side by side: [..., a + b]. */
  public Input behind(Tensor before) {
    if (this.before != null) {
      throw new IllegalStateException("an Input stands in two tensors at most");
    }
    return new Input(before, x, geluTanh);
  }

  public long[] shape() {
    long[] shape = x.shape();
    if (before != null) {
      shape[shape.length - 1] += before.size(-1);
    }
    return shape;
  }

  public DType dtype() {
    return x.dtype();
  }

  public Device device() {
    return x.device();
  }

  /** One tensor, or the two that stand side by side, GELU taken. */
  Tensor[] parts() {
    Tensor y = geluTanh ? Kernels.geluTanh(x) : x;
    return before == null ? new Tensor[] {y} : new Tensor[] {before, y};
  }

  /** The numbers as one tensor: the one that was given, or a new one where there is more to it. */
  public Tensor tensor() {
    Tensor[] parts = parts();
    return parts.length == 1 ? parts[0] : Tensor.cat(-1, parts);
  }

  /** A function of {@link #tensor}, which is closed behind it if it had to be made. */
  public Tensor apply(UnaryOperator<Tensor> function) {
    try (TensorScope inner = TensorScope.open()) {
      return inner.keep(function.apply(tensor()));
    }
  }

  /**
   * Codes of the numbers, made by the first layer that asks; see {@link CodeKernels#quantize}.
   * Borrowed.
   */
  public Codes codes(DType type, boolean perTensor) {
    return codes.computeIfAbsent(
        new Kind(type, perTensor),
        kind -> {
          Codes made = CodeKernels.quantize(before, x, geluTanh, type, perTensor);
          scope.adopt(made.codes());
          scope.adopt(made.scale());
          return made;
        });
  }
}
