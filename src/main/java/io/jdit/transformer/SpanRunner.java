package io.jdit.transformer;

/** Runs neighbouring blocks of a group: each in its turn, or all as one. */
public interface SpanRunner {
  /**
   * Runs the blocks {@code from} to before {@code to}, or gives {@code in} where there are none.
   * The tensors of {@code in} stay unchanged and open, new ones belong to the innermost scope.
   */
  <C> Streams run(BlockGroup<C> group, int from, int to, Streams in, C conditioning);

  /** Each in its turn. */
  static SpanRunner direct() {
    return new SpanRunner() {
      @Override
      public <C> Streams run(BlockGroup<C> group, int from, int to, Streams in, C conditioning) {
        return BlockRunner.runAll(group.blocks().subList(from, to), in, conditioning);
      }
    };
  }
}
