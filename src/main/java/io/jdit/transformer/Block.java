package io.jdit.transformer;

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
}
