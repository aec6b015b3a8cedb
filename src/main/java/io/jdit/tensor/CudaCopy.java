package io.jdit.tensor;

import java.util.function.Supplier;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** To a GPU, by one thread that reads. */
final class CudaCopy implements DeviceCopy {
  private final Device device;
  private Stream copying; // null until the thread begins

  CudaCopy(Device device) {
    this.device = device;
  }

  /** Current streams and where files are read to belong to threads. */
  private void begin() {
    Torch.select(device);
    Stream own;
    try (CUDAStream pooled = torch_cuda.getStreamFromPool(false, (byte) device.index())) {
      own = pooled.unwrap();
    }
    torch.setCurrentStream(own);
    PinnedMemory.readInto();
    copying = own;
  }

  @Override
  public Tensor read(Supplier<Tensor> file) {
    if (copying == null) {
      begin();
    }
    // LibTorch's allocator of pinned memory keeps what is closed here until its copy is done.
    try (Tensor host = file.get();
        var to = device.handle();
        var format = new MemoryFormatOptional()) {
      return Tensor.wrap(host.handle().to(to, host.dtype().scalarType, true, false, format));
    }
  }

  @Override
  public void finish() {
    if (copying != null) {
      copying.synchronize();
    }
  }

  /**
   * The memory is the copying stream's: the allocator would give it to the next copy as soon as it
   * is free, though kernels of this thread's stream may be about to read it.
   */
  @Override
  public void use(Tensor read) {
    try (Stream computing = computing()) {
      read.handle().record_stream(computing);
    }
  }

  @Override
  public void computed() {
    try (Stream computing = computing()) {
      computing.synchronize();
    }
  }

  private Stream computing() {
    return torch.getCurrentStream((byte) device.index());
  }
}
