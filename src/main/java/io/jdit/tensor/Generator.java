package io.jdit.tensor;

import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * LibTorch's CPU generator (Mersenne Twister) with a seed: its draws equal those of {@code
 * torch.Generator("cpu")} in Python bit for bit, whatever the device of the run.
 */
public final class Generator implements AutoCloseable {
  private final org.bytedeco.pytorch.Generator handle;
  private final GeneratorOptional optional;

  public Generator(long seed) {
    Torch.load();
    handle = torch.make_generator_cpu(seed);
    optional = new GeneratorOptional(handle);
  }

  /** Standard normal values of {@code shape} on the CPU, drawn in {@code dtype} as Python does. */
  public Tensor randn(DType dtype, long... shape) {
    return Tensor.wrap(torch.randn(shape, optional, Torch.options(dtype, Device.CPU)));
  }

  @Override
  public void close() {
    optional.close();
    handle.close();
  }
}
