package io.jdit.offload;

import java.util.List;

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
   */
  public record Layer(long held, long stored) {}

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
        layers.stream().map(l -> new Layer(l.held / ranks, l.stored / ranks)).toList());
  }

  /** What stays while its layers come and go and none is there. */
  long resting(StreamSettings settings) {
    return outside
        + settings.resident(layers.size()).stream().mapToLong(i -> layers.get(i).held).sum();
  }

  /** The most while its layers come and go: one computes, others are read. */
  long streamed(StreamSettings settings) {
    int moving = layers.size() - settings.resident(layers.size()).size();
    long held = layers.stream().mapToLong(Layer::held).max().orElse(0);
    long stored = layers.stream().mapToLong(Layer::stored).max().orElse(0);
    return resting(settings) + held + stored * Math.min(moving - 1, settings.ahead(layers.size()));
  }
}
