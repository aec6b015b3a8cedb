package io.jdit.offload;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.NativeHeap;
import io.jdit.tensor.DeviceCopy;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Layers that are made of a component's files whenever they are used and let go after, while a
 * thread reads what the next ones are made of. Every layer is made without data first: what is
 * missing or of another shape is an error at loading. All but the reading happens on the thread
 * that computes.
 */
final class LayerStream implements Residency {
  private final String component;
  private final TensorSource source;
  private final StreamSettings settings;
  private final List<Layer<?>> layers = new ArrayList<>();
  private final DeviceCopy copy;
  private ReadAhead ahead; // null until the component is built

  /**
   * @param copy to where the layers compute
   */
  LayerStream(String component, TensorSource source, StreamSettings settings, DeviceCopy copy) {
    this.component = component;
    this.source = source;
    this.settings = settings;
    this.copy = copy;
    NativeHeap.stream();
  }

  private final class Layer<M> implements Held<M> {
    private final Weights place;
    private final Function<Weights, M> constructor;
    private final List<TensorInfo> tensors;
    private M resident; // null where it comes and goes

    Layer(Weights place, Function<Weights, M> constructor) {
      this.place = place;
      this.constructor = constructor;
      this.tensors = Outline.of(source, place, constructor).tensors();
    }

    void stay() {
      resident = constructor.apply(place);
    }

    @Override
    public void expect() {
      if (resident == null) {
        ahead.expect(tensors);
      }
    }

    @Override
    public <R> R use(Function<M, R> work) {
      if (resident != null) {
        return work.apply(resident);
      }
      try (TensorScope owner = TensorScope.unbound()) {
        R result = work.apply(made(owner));
        copy.computed();
        return result;
      }
    }

    private M made(TensorScope owner) {
      try (ReadAhead.Reading reading = ahead.take(tensors)) {
        Weights read = place.of(new Taken(reading.tensors(), source), place.device(), owner);
        return constructor.apply(read);
      }
    }
  }

  @Override
  public <M> Held<M> hold(Weights place, Function<Weights, M> constructor) {
    Layer<M> layer = new Layer<>(place, constructor);
    layers.add(layer);
    return layer;
  }

  @Override
  public void built(Weights weights) {
    settings.resident(layers.size()).forEach(i -> layers.get(i).stay());
    ahead = new ReadAhead(component, source, settings.ahead(layers.size()), copy);
  }

  @Override
  public void close() {
    if (ahead != null) {
      ahead.close();
    }
  }

  /** Tensors that were read ahead, each given away once. */
  private static final class Taken extends SourceView {
    private final Map<String, Tensor> tensors;
    private final TensorSource source;

    Taken(Map<String, Tensor> tensors, TensorSource source) {
      super(source);
      this.tensors = tensors;
      this.source = source;
    }

    @Override
    public Tensor read(TensorInfo info) {
      Tensor ready = tensors.remove(info.name());
      if (ready == null) {
        return source.read(info);
      }
      try (ready) {
        return ready.alias(); // the innermost scope's
      }
    }

    @Override
    public void close() {
      // Whoever gave the tensors closes those that are left.
    }
  }
}
