package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.util.Set;

/** Named tensors that a model can be built from. */
public interface TensorSource extends AutoCloseable {
  Set<String> names();

  /** Describes a tensor, or returns null when there is none of that name. */
  TensorInfo info(String name);

  /**
   * Reads a tensor in its stored type. It may be a view of mapped memory, valid until the source is
   * closed.
   */
  Tensor read(String name);

  /** As {@link #info(String)}, for a caller that says what it will hold. */
  default TensorInfo info(String name, DType held, long... expectedShape) {
    return info(name);
  }

  /** Reads the tensor that {@link #info} described. */
  default Tensor read(TensorInfo info) {
    return read(info.name());
  }

  /** The file that holds the tensor, or would hold it, for messages. */
  String fileOf(String name);

  @Override
  void close();
}
