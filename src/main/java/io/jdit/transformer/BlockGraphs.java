package io.jdit.transformer;

import io.jdit.kernels.GraphRecorder;
import io.jdit.metrics.Trace;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Spans of blocks as graphs of a GPU: what takes hundreds of launches takes one. Where a card
 * computes a step faster than one thread launches it, the card no longer waits.
 *
 * <p>A span of given blocks and shapes runs as it is the first time, when libraries set themselves
 * up, is recorded the second time and replayed from then on. A cache that runs some of the blocks
 * has a graph for each span that it runs. Of one generation on one expert.
 */
public final class BlockGraphs implements SpanRunner, AutoCloseable {
  /** Shapes that a generation has are few; what has ever new ones is not worth its memory. */
  private static final int MOST = 16;

  private final GraphRecorder recorder;
  private final Consumer<String> notes;
  private final Map<Object, Span> spans = new HashMap<>();
  private boolean failed;

  /**
   * @param notes is told why nothing is recorded, if so
   */
  public BlockGraphs(GraphRecorder recorder, Consumer<String> notes) {
    this.recorder = recorder;
    this.notes = notes;
  }

  /** Runs what {@code inner} runs. */
  public BlockRunner over(BlockRunner inner) {
    return new BlockRunner() {
      @Override
      public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
        return inner.run(group.by(BlockGraphs.this), in, conditioning);
      }
    };
  }

  @Override
  public <C> Streams run(BlockGroup<C> group, int from, int to, Streams in, C conditioning) {
    List<Block<C>> blocks = group.blocks().subList(from, to);
    // Spans of a trace wait for the device, which nothing that is recorded may do.
    if (failed || blocks.isEmpty() || Trace.on() || !blocks.stream().allMatch(Block::stays)) {
      return BlockRunner.runAll(blocks, in, conditioning);
    }
    Inputs<C> inputs = new Inputs<>(in, conditioning);
    Object key = List.of(group.name(), from, to, TensorTree.form(inputs));
    if (!spans.containsKey(key)) {
      if (spans.size() < MOST) {
        spans.put(key, null);
      }
      return BlockRunner.runAll(blocks, in, conditioning);
    }
    try {
      if (spans.get(key) == null) {
        spans.put(key, new Span(recorder, blocks, inputs));
      }
    } catch (IllegalStateException e) {
      failed = true;
      notes.accept(
          "no CUDA graphs are used, every kernel is launched by itself: " + e.getMessage());
      return BlockRunner.runAll(blocks, in, conditioning);
    }
    return spans.get(key).replay(inputs);
  }

  /** What a span reads. */
  private record Inputs<C>(Streams in, C conditioning) {}

  /** A recorded span. */
  private static final class Span implements AutoCloseable {
    private final List<Tensor> inputs = new ArrayList<>(); // where the recording reads
    private final TensorScope made = TensorScope.unbound();
    private final Streams in;
    private final GraphRecorder.Recording recording;
    private Streams out;

    <C> Span(GraphRecorder recorder, List<Block<C>> blocks, Inputs<C> first) {
      try {
        Inputs<C> fixed = TensorTree.map(first, this::place);
        in = fixed.in();
        recording =
            recorder.record(
                () -> out = owned(BlockRunner.runAll(blocks, in, fixed.conditioning())));
      } catch (RuntimeException e) {
        made.close();
        throw e;
      }
    }

    private Tensor place(Tensor like) {
      Tensor own = made.adopt(TensorScope.detach(like.copy()));
      inputs.add(own);
      return own;
    }

    private Streams owned(Streams result) {
      for (Tensor t : TensorTree.tensors(result)) {
        if (t != in.hidden() && t != in.encoder()) {
          made.adopt(TensorScope.detach(t));
        }
      }
      return result;
    }

    <C> Streams replay(Inputs<C> now) {
      List<Tensor> values = TensorTree.tensors(now);
      for (int i = 0; i < values.size(); i++) {
        inputs.get(i).copy_(values.get(i));
      }
      recording.replay();
      return new Streams(result(out.hidden(), now.in()), result(out.encoder(), now.in()));
    }

    /** A tensor of its own: the next replay writes over what was made. */
    private Tensor result(Tensor made, Streams given) {
      if (made == null) {
        return null;
      }
      return made == in.hidden()
          ? given.hidden()
          : made == in.encoder() ? given.encoder() : made.copy();
    }

    @Override
    public void close() {
      made.close();
      recording.close();
    }
  }

  @Override
  public void close() {
    spans.values().stream().filter(s -> s != null).forEach(Span::close);
    spans.clear();
  }
}
