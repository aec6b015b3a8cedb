package io.jdit.nn;

import io.jdit.checkpoint.Weights;

/**
 * How a linear layer is held and computed: dense, quantized, with an adapter around another format.
 * Independent of who holds which part of it, which is {@link LinearFactory}'s business.
 */
@FunctionalInterface
public interface LinearFormat {
  /**
   * Makes a layer from {@code weight} [out, in] and {@code bias} [out], which are read with these
   * shapes. Where {@code w} is a shard, what is read is smaller and so is the layer.
   *
   * @param in inputs of the whole layer
   * @param out outputs of the whole layer
   */
  Linear linear(Weights w, int in, int out, boolean bias);

  /** The weight as it is, in the model's dtype. */
  static LinearFormat dense() {
    return (w, in, out, bias) ->
        PanelLinear.suits(w, in, out)
            ? new PanelLinear(w, in, out, bias)
            : new DenseLinear(w, in, out, bias);
  }
}
