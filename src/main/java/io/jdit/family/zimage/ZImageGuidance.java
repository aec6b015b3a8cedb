package io.jdit.family.zimage;

import io.jdit.pipeline.Guidance;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Classifier-free guidance of diffusers' ZImagePipeline: c + scale (c - u), from the positive
 * output c rather than the negative one u, in one batch.
 *
 * @param scale 0 is off
 * @param normalization the result is at most so many times as long as c, over each whole sample; 0
 *     is off
 * @param truncation guidance ends when the model time, from 0 to 1, is above this
 */
record ZImageGuidance(double scale, double normalization, double truncation) implements Guidance {
  @Override
  public int branches(float timestep) {
    return scale > 0 && (truncation > 1 || time(timestep) <= truncation) ? 2 : 1;
  }

  /** The scheduler's timestep as the model is told it, from 0 for noise to 1. */
  static float time(float timestep) {
    return (1000 - timestep) / 1000;
  }

  @Override
  public int most() {
    return scale > 0 ? 2 : 1;
  }

  @Override
  public boolean oneBatch() {
    return true;
  }

  @Override
  public Tensor combine(Tensor[] outputs, String expert) {
    if (outputs.length == 1) {
      return outputs[0];
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor c = outputs[0];
      Tensor p = c.add(c.sub(outputs[1]).mul(scale));
      if (normalization > 0) {
        Tensor allowed = meanSquare(c).div(meanSquare(p)).sqrt().mul(normalization);
        p = p.mul(allowed.clamp(0, 1));
      }
      return scope.keep(p);
    }
  }

  /** [B, C, H, W] to [B, 1, 1, 1]. */
  private static Tensor meanSquare(Tensor x) {
    return x.mul(x).flatten(1, 3).mean(-1, true).unsqueeze(-1).unsqueeze(-1);
  }
}
