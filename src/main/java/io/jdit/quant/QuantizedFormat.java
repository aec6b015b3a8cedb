package io.jdit.quant;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFormat;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Map;

/**
 * Holds the layers that a plan says in its types, and the others as they are. A layer that the
 * checkpoint holds quantized is read so; another is quantized while it is read.
 */
final class QuantizedFormat implements LinearFormat {
  private static final String NOT_STORED = "not quantized in the checkpoint";

  private final LayerPlan plan;
  private final boolean stored;
  private final ComponentReport report;

  /**
   * @param stored whether the checkpoint's own layers are quantized, by this plan
   */
  QuantizedFormat(LayerPlan plan, boolean stored, ComponentReport report) {
    this.plan = plan;
    this.stored = stored;
    this.report = report;
  }

  @Override
  public Linear linear(Weights w, int in, int out, boolean bias) {
    long[] part = w.part(out, in);
    String name = w.prefix().substring(0, w.prefix().length() - 1);
    // A checkpoint's types are those of whole layers.
    LayerPlan.Choice choice =
        stored
            ? plan.choose(name, out, in, false)
            : plan.choose(name, part[0], part[1], w.isCut(1));
    if (stored && choice.type() != null && w.has("weight")) {
      choice = new LayerPlan.Choice(null, NOT_STORED, choice.pattern());
    }
    report.add(name, choice, part[0], part[1], w.dtype());
    if (choice.type() == null) {
      return LinearFormat.dense().linear(w, in, out, bias);
    }
    try (TensorScope scope = TensorScope.open()) {
      QuantizedWeight weight =
          stored ? read(w, choice.type(), in, out) : quantize(w, choice.type(), in, out);
      // The weight first, as in a dense layer: random weights are the same then.
      Tensor b = bias ? w.get("bias", out) : null;
      return QuantizedLinear.of(weight, b, w.dtype(), w::own);
    }
  }

  private static QuantizedWeight quantize(Weights w, QuantType type, int in, int out) {
    try (Tensor weight = w.get("weight", out, in)) {
      return QuantizedWeight.of(type, weight);
    }
  }

  private static QuantizedWeight read(Weights w, QuantType type, int in, int out) {
    Map<String, long[]> shapes = QuantizedWeight.shapes(type, out, in);
    return new QuantizedWeight(
        type,
        part(
            type.scales() == QuantType.Scales.PER_GROUP ? w.grouped(1, 2, false) : w,
            type,
            QuantizedWeight.CODES,
            shapes),
        part(scales(w, type), type, QuantizedWeight.SCALE, shapes),
        shapes.containsKey(QuantizedWeight.ZERO)
            ? part(scales(w, type), type, QuantizedWeight.ZERO, shapes)
            : null);
  }

  private static Weights scales(Weights w, QuantType type) {
    return switch (type.scales()) {
      case PER_GROUP -> w.grouped(1, QuantType.GROUP, true);
      case PER_BLOCK -> w.grouped(QuantType.BLOCK, QuantType.BLOCK, false);
      default -> w;
    };
  }

  private static Tensor part(Weights w, QuantType type, String name, Map<String, long[]> shapes) {
    DType dtype = QuantizedWeight.dtype(type, name);
    return w.as(dtype).get(name, shapes.get(name));
  }
}
