package io.jdit.transformer;

import io.jdit.checkpoint.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * One transformer block.
 *
 * @param <C> what conditions the blocks of a family: time embedding, rotary table, ...
 */
@FunctionalInterface
public interface Block<C> {
  /**
   * Maps the streams to new ones and leaves the tensors of {@code in} unchanged. A block without a
   * second stream returns the encoder that it was given.
   */
  Streams forward(Streams in, C conditioning);

  /** It will run soon, after those that were told before: what it needs may be read ahead. */
  default void expect() {}

  /** Whether its weights keep their places from call to call. */
  default boolean stays() {
    return true;
  }

  /**
   * Blocks of the weights {@code w.at(0)}, {@code w.at(1)}, ...: in memory always or while they
   * run, as the residency of {@code w} has it.
   */
  static <C> List<Block<C>> list(Weights w, int count, Function<Weights, Block<C>> constructor) {
    List<Block<C>> blocks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      blocks.add(new HeldBlock<>(w.at(i).hold(constructor)));
    }
    return blocks;
  }
}
