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

  /**
   * Standard normal values of {@code shape} on the CPU. Values of two bytes are the rounded float32
   * draw, which is what {@code torch.randn} of PyTorch 2.13 gives for element counts that 16
   * divides (LibTorch 2.10 itself draws others).
   */
  public Tensor randn(DType dtype, long... shape) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          Tensor.wrap(torch.randn(shape, optional, Torch.options(DType.FLOAT32, Device.CPU)));
      return scope.keep(drawn.to(dtype));
    }
  }

  @Override
  public void close() {
    optional.close();
    handle.close();
  }
}
