package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;

/** Rows of a table by id. */
public final class Embedding {
  private final Tensor weight; // [rows, dim]

  public Embedding(Weights w, int rows, int dim) {
    this.weight = w.get("weight", rows, dim);
  }

  /**
   * @param ids int64 [B, L]
   * @return [B, L, dim]
   */
  public Tensor forward(Tensor ids) {
    return Functional.embedding(weight, ids);
  }

  public Tensor weight() {
    return weight;
  }
}
