package io.jdit.transformer;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;

/**
 * A Diffusion Transformer as the pipeline and the runners see it.
 *
 * @param <I> what a call takes
 * @param <C> what conditions the blocks
 */
public interface DiffusionTransformer<I, C> {
  /**
   * Streams before the first block, and what conditions the blocks. Belongs to the innermost scope.
   */
  record Prepared<C>(Streams streams, C conditioning) {}

  Prepared<C> prepare(I inputs);

  /** The block groups in the order in which they run. */
  List<BlockGroup<C>> groups();

  /**
   * The streams as a group takes them, of those that the group before it left: models whose last
   * blocks take text and image as one stream join them here.
   */
  default Streams enter(BlockGroup<C> group, Streams streams) {
    return streams;
  }

  /** The model output from the streams after the last block. */
  Tensor finish(Streams streams, C conditioning);

  /** Prepares, runs every group with {@code runner}, finishes. */
  default Tensor forward(I inputs, BlockRunner runner) {
    try (TensorScope scope = TensorScope.open()) {
      Prepared<C> prepared = prepare(inputs);
      Streams streams = prepared.streams();
      for (BlockGroup<C> group : groups()) {
        streams = runner.run(group, enter(group, streams), prepared.conditioning());
      }
      return scope.keep(finish(streams, prepared.conditioning()));
    }
  }
}
