package io.jdit.parallel;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Bytes that this rank has sent to others, by kind of communication. Of an all-reduce of n bytes
 * over P ranks 2 n (P - 1) / P are counted, what a ring of ranks sends; of the others what leaves
 * this rank at least.
 */
public final class Traffic {
  private static final int KINDS = Collective.values().length;

  private final AtomicLongArray bytes = new AtomicLongArray(KINDS);
  private final AtomicLongArray calls = new AtomicLongArray(KINDS);

  void add(Collective kind, long sent) {
    bytes.addAndGet(kind.ordinal(), sent);
    calls.incrementAndGet(kind.ordinal());
  }

  public long bytes(Collective kind) {
    return bytes.get(kind.ordinal());
  }

  public long calls(Collective kind) {
    return calls.get(kind.ordinal());
  }

  public void reset() {
    for (int i = 0; i < KINDS; i++) {
      bytes.set(i, 0);
      calls.set(i, 0);
    }
  }
}
