package io.jdit.transformer;

import io.jdit.tensor.TensorScope;

/**
 * How the blocks of a group are executed: one after the other ({@link #direct}) or with some of
 * them served from a cache. One that remembers something belongs to an {@link Acceleration}.
 */
public interface BlockRunner {
  /**
   * Runs {@code group} on {@code in}, whose tensors stay unchanged and open; the new streams belong
   * to the innermost scope. With classifier-free guidance the calls of one step follow each other,
   * the conditional one first.
   */
  <C> Streams run(BlockGroup<C> group, Streams in, C conditioning);

  /** Runs every block. */
  static BlockRunner direct() {
    return new BlockRunner() {
      @Override
      public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
        return group.run(0, group.blocks().size(), in, conditioning);
      }
    };
  }

  /** Runs {@code blocks} in order, freeing what lies between two of them. */
  static <C> Streams runAll(Iterable<Block<C>> blocks, Streams in, C conditioning) {
    blocks.forEach(Block::expect);
    Streams current = in;
    for (Block<C> block : blocks) {
      Streams next;
      try (TensorScope scope = TensorScope.open()) {
        next = block.forward(current, conditioning).keepIn(scope);
      }
      if (current != in) {
        current.closeUnlessIn(next);
      }
      current = next;
    }
    return current;
  }
}
