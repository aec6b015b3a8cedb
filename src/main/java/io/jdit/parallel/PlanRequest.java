package io.jdit.parallel;

import io.jdit.tensor.DType;

/**
 * What a plan is made for.
 *
 * @param textTokens of the prompt
 * @param imageTokens of the picture
 * @param batch pictures at once
 * @param branches transformer calls per step: 2 with true classifier-free guidance
 * @param cachedTensors tensors of all tokens that a cache keeps, 0 without caching
 * @param teraflops that one device reaches in large matrix products
 * @param gigabytesPerSecond that one rank sends
 */
public record PlanRequest(
    TransformerShape shape,
    long textTokens,
    long imageTokens,
    int batch,
    int branches,
    DType dtype,
    int cachedTensors,
    double teraflops,
    double gigabytesPerSecond) {
  public PlanRequest {
    if (textTokens < 1 || imageTokens < 1 || batch < 1 || branches < 1) {
      throw new IllegalArgumentException(
          "a plan needs at least one text token, image token, picture and branch");
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

  long tokens() {
    return textTokens + imageTokens;
  }
}
