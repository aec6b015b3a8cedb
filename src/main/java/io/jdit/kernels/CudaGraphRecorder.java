package io.jdit.kernels;

import io.jdit.tensor.Device;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * Records CUDA graphs, for one thread. The graphs of a recorder share a pool of memory: what one
 * makes is lost when the next is replayed.
 */
public final class CudaGraphRecorder implements GraphRecorder {
  /** One for each device: LibTorch keeps a workspace for every stream that products ran on. */
  private static final Map<Device, Stream> STREAMS = new ConcurrentHashMap<>();

  private final Device device;
  private final long[] pool = new long[2]; // zeros: a new one

  /**
   * @param device a GPU whose kernel library is loaded
   */
  public CudaGraphRecorder(Device device) {
    this.device = device;
  }

  @Override
  public Recording record(Runnable work) {
    // The default stream cannot be recorded. What it still computes is read by the first replay.
    try (Stream computing = torch.getCurrentStream((byte) device.index())) {
      computing.synchronize();
      torch.setCurrentStream(STREAMS.computeIfAbsent(device, CudaGraphRecorder::stream));
      try {
        return new Graph(work);
      } finally {
        torch.setCurrentStream(computing);
      }
    }
  }

  /** LibTorch's allocator would keep the pool until memory is short. */
  @Override
  public void release() {
    Arrays.fill(pool, 0);
    torch.emptyCache();
  }

  private static Stream stream(Device device) {
    try (CUDAStream pooled = torch_cuda.getStreamFromPool(false, (byte) device.index())) {
      return pooled.unwrap();
    }
  }

  private final class Graph implements Recording {
    private final Pointer graph;

    Graph(Runnable work) {
      RuntimeException failed = null;
      graph = CudaKernels.jdit_graph_create();
      try {
        CudaKernels.jdit_graph_begin(graph, pool);
        try {
          work.run();
        } catch (RuntimeException e) {
          failed = e;
        }
        CudaKernels.jdit_graph_end(graph);
        CudaKernels.jdit_graph_pool(graph, pool);
      } catch (RuntimeException e) {
        // The first says why; after it the end of the recording fails too.
        failed = failed == null ? e : failed;
      }
      if (failed != null) {
        close();
        // LibTorch's texts go on with places in its sources.
        throw new IllegalStateException(
            String.valueOf(failed.getMessage()).lines().findFirst().orElse(""), failed);
      }
    }

    @Override
    public void replay() {
      CudaKernels.jdit_graph_replay(graph);
    }

    @Override
    public void close() {
      CudaKernels.jdit_graph_destroy(graph);
    }
  }
}
