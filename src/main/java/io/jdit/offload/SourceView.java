package io.jdit.offload;

import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.util.Set;

/** The tensors of another source, read in another way. */
abstract class SourceView implements TensorSource {
  private final TensorSource source;

  SourceView(TensorSource source) {
    this.source = source;
  }

  @Override
  public abstract Tensor read(TensorInfo info);

  @Override
  public final Tensor read(String name) {
    return read(source.info(name));
  }

  @Override
  public final Set<String> names() {
    return source.names();
  }

  @Override
  public final TensorInfo info(String name) {
    return source.info(name);
  }

  @Override
  public final TensorInfo info(String name, DType held, long... expectedShape) {
    return source.info(name, held, expectedShape);
  }

  @Override
  public final String fileOf(String name) {
    return source.fileOf(name);
  }
}
