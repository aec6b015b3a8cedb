package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** {@code down(silu(gate(x)) * up(x))} (SwiGLU, arXiv 2002.05202). */
public final class GatedFeedForward {
  /** Names of the layers in the checkpoint. */
  public record Names(String gate, String up, String down) {
    /** transformers' decoders. */
    public static final Names PROJ = new Names("gate_proj", "up_proj", "down_proj");

    /** Lumina's and Z-Image's feed-forward. */
    public static final Names NUMBERED = new Names("w1", "w3", "w2");
  }

  private final Linear gate;
  private final Linear up;
  private final Linear down;

  /**
   * @param width of what lies between the layers
   * @param bias whether the three layers have one
   */
  public GatedFeedForward(
      Weights w, LinearFactory linears, Names names, int dim, int width, boolean bias) {
    this.gate = linears.column(w.at(names.gate), dim, width, bias);
    this.up = linears.column(w.at(names.up), dim, width, bias);
    this.down = linears.row(w.at(names.down), width, dim, bias);
  }

  /** x [..., dim] to the same shape. */
  public Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Input shared = Input.of(x);
      return scope.keep(down.forward(Kernels.siluMul(gate.forward(shared), up.forward(shared))));
    }
  }
}
