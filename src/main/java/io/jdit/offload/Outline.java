package io.jdit.offload;

import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.NativeHeap;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The shapes of another source without its data, and which tensors were asked for: a module that is
 * made of it on {@link Device#META} has been checked, and its size is known.
 */
final class Outline extends SourceView {
  private final List<TensorInfo> read = new ArrayList<>();

  Outline(TensorSource source) {
    super(source);
  }

  /**
   * What a module is made of.
   *
   * @param tensors that it reads, in this order
   * @param bytes that it holds
   * @param pooled of these, in tensors that are not mapped
   */
  record Module(List<TensorInfo> tensors, long bytes, long pooled) {
    ComponentMemory.Layer layer() {
      return new ComponentMemory.Layer(
          bytes, bytes(t -> true), pooled + bytes(t -> t.bytes() < NativeHeap.STREAMED));
    }

    private long bytes(Predicate<TensorInfo> which) {
      return tensors.stream().filter(which).mapToLong(TensorInfo::bytes).sum();
    }
  }

  /** Makes a module without data, which checks it, and lets it go. */
  static <M> Module of(TensorSource source, Weights place, Function<Weights, M> constructor) {
    Outline outline = new Outline(source);
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound()) {
      constructor.apply(place.of(outline, Device.META, owner));
      return new Module(
          List.copyOf(outline.read),
          owner.bytes(),
          owner.bytes(t -> t.bytes() < NativeHeap.STREAMED));
    }
  }

  @Override
  public Tensor read(TensorInfo info) {
    read.add(info);
    return Tensor.empty(info.dtype(), Device.META, info.shape());
  }

  @Override
  public void close() {
    // The other source stays open.
  }
}
