package io.jdit.nn;

import io.jdit.checkpoint.Weights;

/** Everything on this rank, in one format. */
record WholeLinears(LinearFormat format) implements LinearFactory {
  @Override
  public Linear replicated(Weights w, int in, int out, boolean bias) {
    return format.linear(w, in, out, bias);
  }

  @Override
  public Linear column(Weights w, int in, int[] parts, boolean bias) {
    return format.linear(w, in, LinearFactory.sum(parts), bias);
  }

  @Override
  public Linear row(Weights w, int[] parts, int out, boolean bias) {
    return format.linear(w, LinearFactory.sum(parts), out, bias);
  }

  @Override
  public Linear gathered(Weights w, int in, int out, boolean bias) {
    return format.linear(w, in, out, bias);
  }

  @Override
  public Norm normAcrossHeads(Weights w, int dim, double eps) {
    return new RmsNorm(w, dim, eps);
  }
}
