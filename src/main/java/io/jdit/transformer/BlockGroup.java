package io.jdit.transformer;

import io.jdit.metrics.Trace;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Blocks that run one after the other and share one cache context.
 *
 * @param name the checkpoint's name of the list, for example {@code transformer_blocks}
 * @param spans how neighbouring blocks run
 */
public record BlockGroup<C>(
    String name, List<Block<C>> blocks, ForwardPattern pattern, SpanRunner spans) {
  public BlockGroup {
    List<Block<C>> given = blocks;
    blocks =
        IntStream.range(0, given.size())
            .<Block<C>>mapToObj(i -> Named.of(name + "." + i, given.get(i)))
            .toList();
  }

  /** Blocks that run each in its turn. */
  public BlockGroup(String name, List<Block<C>> blocks, ForwardPattern pattern) {
    this(name, blocks, pattern, SpanRunner.direct());
  }

  /** The same blocks, run in another way. */
  public BlockGroup<C> by(SpanRunner other) {
    return new BlockGroup<>(name, blocks, pattern, other);
  }

  /** Runs the blocks {@code from} to before {@code to}, see {@link SpanRunner#run}. */
  public Streams run(int from, int to, Streams in, C conditioning) {
    return spans.run(this, from, to, in, conditioning);
  }

  /** A block whose time is a span of a {@link Trace}. */
  private record Named<C>(String name, Block<C> block) implements Block<C> {
    static <C> Block<C> of(String name, Block<C> block) {
      return block instanceof Named ? block : new Named<>(name, block);
    }

    @Override
    public void expect() {
      block.expect();
    }

    @Override
    public boolean stays() {
      return block.stays();
    }

    @Override
    public Streams forward(Streams in, C conditioning) {
      try (Trace.Span span = Trace.span(Trace.Kind.BLOCK, name)) {
        return block.forward(in, conditioning);
      }
    }
  }
}
