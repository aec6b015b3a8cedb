package io.jdit.offload;

import java.util.List;
import java.util.function.ToLongFunction;

/**
 * What the weights of a component take in memory.
 *
 * @param outside bytes of what is in no list of layers
 */
public record ComponentMemory(long outside, List<Layer> layers) {
  /**
   * Bytes of a layer.
   *
   * @param held as it computes
   * @param stored in the file, which it is made of
   * @param pooled of both, in tensors that come from the heap of a thread, where gaps that they
   *     leave are filled by others
   */
  public record Layer(long held, long stored, long pooled) {}

  public ComponentMemory {
    layers = List.copyOf(layers);
  }

  /** All of it. */
  public long whole() {
    return outside + layers.stream().mapToLong(Layer::held).sum();
  }

  /** The part of each of so many ranks that hold it between them. */
  public ComponentMemory share(int ranks) {
    return new ComponentMemory(
        outside / ranks,
        layers.stream()
            .map(l -> new Layer(l.held / ranks, l.stored / ranks, l.pooled / ranks))
            .toList());
  }

  /** What stays while its layers come and go and none is there. */
  long resting(StreamSettings settings) {
    return outside
        + settings.resident(layers.size()).stream().mapToLong(i -> layers.get(i).held).sum();
  }

  /**
   * The most while its layers come and go: one computes and others are read, or one is made of what
   * was read. What it is made of goes tensor by tensor as it is made, so that of the two only the
   * larger counts.
   */
  long streamed(StreamSettings settings) {
    int moving = layers.size() - settings.resident(layers.size()).size();
    int ahead = settings.ahead(layers.size());
    long stored = largest(Layer::stored);
    return resting(settings)
        + Math.max(
            largest(Layer::held) + stored * Math.min(moving - 1, ahead),
            stored * Math.min(moving, ahead))
        + largest(Layer::pooled);
  }

  private long largest(ToLongFunction<Layer> bytes) {
    return layers.stream().mapToLong(bytes).max().orElse(0);
  }
}
