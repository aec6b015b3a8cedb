package io.jdit.transformer;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;

/**
 * A forecast output as a weighted sum of earlier ones: guidance and the scheduler's step can be
 * added to it in one pass over memory.
 *
 * @param outputs borrowed from the acceleration, which keeps them until it is told of or asked for
 *     a call of the next step
 * @param weights one for each
 */
public record Forecast(List<Tensor> outputs, List<Double> weights) {
  public Forecast {
    outputs = List.copyOf(outputs);
    weights = List.copyOf(weights);
    if (outputs.isEmpty() || outputs.size() != weights.size()) {
      throw new IllegalArgumentException(
          outputs.size() + " outputs with " + weights.size() + " weights");
    }
  }

  /** The sum, computed in float32, in the outputs' dtype; belongs to the innermost scope. */
  public Tensor value() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = term(0);
      for (int i = 1; i < outputs.size(); i++) {
        sum = sum.add(term(i));
      }
      return scope.keep(sum.to(outputs.get(0).dtype()));
    }
  }

  private Tensor term(int i) {
    return outputs.get(i).to(DType.FLOAT32).mul(weights.get(i));
  }
}
