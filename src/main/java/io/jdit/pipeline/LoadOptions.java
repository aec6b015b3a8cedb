package io.jdit.pipeline;

import io.jdit.attention.Attention;
import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.transformer.Acceleration;

/**
 * How a model is built.
 *
 * @param dtype of weights and computation
 * @param threads of one operator on the CPU; 0 keeps LibTorch's choice
 * @param vaeTiling decode in tiles: true, false, or null for pictures above {@value #TILING_PIXELS}
 *     pixels
 * @param distribution what other ranks do of the work
 */
public record LoadOptions(
    DType dtype,
    Device device,
    int threads,
    Boolean vaeTiling,
    LinearFactory linears,
    Attention attention,
    Acceleration.Factory acceleration,
    Distribution distribution) {
  static final int TILING_PIXELS = 2048 * 2048;

  /** float32 on the CPU, bfloat16 on a GPU: what the kernels are fastest and exact enough in. */
  public static LoadOptions on(Device device) {
    return new LoadOptions(
        device.isCuda() ? DType.BFLOAT16 : DType.FLOAT32,
        device,
        0,
        null,
        LinearFactory.dense(),
        new FusedAttention(),
        Acceleration.none(),
        Distribution.none());
  }

  public static LoadOptions cpu() {
    return on(Device.CPU);
  }

  public LoadOptions withDtype(DType type) {
    return new LoadOptions(
        type, device, threads, vaeTiling, linears, attention, acceleration, distribution);
  }

  public LoadOptions withThreads(int count) {
    return new LoadOptions(
        dtype, device, count, vaeTiling, linears, attention, acceleration, distribution);
  }

  public LoadOptions withVaeTiling(Boolean tiling) {
    return new LoadOptions(
        dtype, device, threads, tiling, linears, attention, acceleration, distribution);
  }

  public LoadOptions withAcceleration(Acceleration.Factory factory) {
    return new LoadOptions(
        dtype, device, threads, vaeTiling, linears, attention, factory, distribution);
  }

  /** Builds the transformer with these, and lets other ranks do their share. */
  public LoadOptions withDistribution(
      LinearFactory transformerLinears, Attention parallelAttention, Distribution shares) {
    return new LoadOptions(
        dtype,
        device,
        threads,
        vaeTiling,
        transformerLinears,
        parallelAttention,
        acceleration,
        shares);
  }
}
