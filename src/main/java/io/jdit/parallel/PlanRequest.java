package io.jdit.parallel;

import io.jdit.tensor.DType;

/**
 * What a plan is made for.
 *
 * @param cost of a call of the transformer, at the size of the request
 * @param batch pictures at once
 * @param branches transformer calls per step: 2 with true classifier-free guidance
 * @param cachedTensors tensors of all tokens that a cache keeps of each block group, 0 without
 *     caching
 * @param teraflops that one device reaches in large matrix products
 * @param gigabytesPerSecond that one rank sends
 * @param savedBytes that quantized layers take less than in {@code dtype}; ranks share them
 */
public record PlanRequest(
    TransformerCost cost,
    int batch,
    int branches,
    DType dtype,
    int cachedTensors,
    double teraflops,
    double gigabytesPerSecond,
    long savedBytes) {
  /** Of weights that are as they are. */
  public PlanRequest(
      TransformerCost cost,
      int batch,
      int branches,
      DType dtype,
      int cachedTensors,
      double teraflops,
      double gigabytesPerSecond) {
    this(cost, batch, branches, dtype, cachedTensors, teraflops, gigabytesPerSecond, 0);
  }

  public PlanRequest {
    if (batch < 1 || branches < 1) {
      throw new IllegalArgumentException("a plan needs at least one picture and branch");
    }
    if (!(teraflops > 0) || !(gigabytesPerSecond > 0)) {
      throw new IllegalArgumentException(
          "device speed and link bandwidth must be > 0, found "
              + teraflops
              + " TFLOP/s and "
              + gigabytesPerSecond
              + " GB/s");
    }
  }
}
