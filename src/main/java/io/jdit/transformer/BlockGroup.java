package io.jdit.transformer;

import java.util.List;

/**
 * Blocks that run one after the other and share one cache context.
 *
 * @param name the checkpoint's name of the list, for example {@code transformer_blocks}
 */
public record BlockGroup<C>(String name, List<Block<C>> blocks, ForwardPattern pattern) {
  public BlockGroup {
    blocks = List.copyOf(blocks);
  }
}
