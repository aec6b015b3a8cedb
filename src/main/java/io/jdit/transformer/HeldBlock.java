package io.jdit.transformer;

import io.jdit.checkpoint.Residency;

/** A block that may be in memory only while it runs. */
record HeldBlock<C>(Residency.Held<Block<C>> held) implements Block<C> {
  @Override
  public void expect() {
    held.expect();
  }

  @Override
  public boolean stays() {
    return held.stays();
  }

  @Override
  public Streams forward(Streams in, C conditioning) {
    return held.use(block -> block.forward(in, conditioning));
  }
}
