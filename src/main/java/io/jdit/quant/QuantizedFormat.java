package io.jdit.quant;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFormat;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Supplier;

/** Quantizes the layers that a plan says while they are read, and holds the others as they are. */
final class QuantizedFormat implements LinearFormat {
  private final LayerPlan plan;
  private final ComponentReport report;

  QuantizedFormat(LayerPlan plan, ComponentReport report) {
    this.plan = plan;
    this.report = report;
  }

  @Override
  public Linear linear(Weights w, int in, int out, boolean bias) {
    long[] part = w.part(out, in);
    String name = name(w);
    LayerPlan.Choice choice = plan.choose(name, part[0], part[1], w.isCut(1));
    report.add(name, choice, part[0], part[1], w.dtype());
    return choice.type() == null
        ? LinearFormat.dense().linear(w, in, out, bias)
        : made(w, out, bias, () -> quantize(w, choice.type(), in, out));
  }

  /** Name of the layer whose weights these are. */
  static String name(Weights w) {
    return w.prefix().substring(0, w.prefix().length() - 1);
  }

  /** The layer of a weight, which is made here. */
  static Linear made(Weights w, int out, boolean bias, Supplier<QuantizedWeight> weight) {
    try (TensorScope scope = TensorScope.open()) {
      QuantizedWeight q = weight.get();
      // The weight first, as in a dense layer: random weights are the same then.
      Tensor b = bias ? w.get("bias", out) : null;
      return QuantizedLinear.of(q, b, w.dtype(), w::own);
    }
  }

  private static QuantizedWeight quantize(Weights w, QuantType type, int in, int out) {
    try (Tensor weight = w.get("weight", out, in)) {
      return QuantizedWeight.of(type, weight);
    }
  }
}
