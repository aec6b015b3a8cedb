package io.jdit.parallel;

/**
 * How Ulysses shares out heads: all ranks but the last compute the same number, zero heads fill the
 * exchange up and are computed by nobody.
 *
 * @param heads real heads
 * @param ranks that share them
 * @param padding zero heads after the real ones
 */
record HeadPadding(int heads, int ranks, int padding) {
  /**
   * @throws IllegalArgumentException when the last rank would be left without a head
   */
  static HeadPadding of(int heads, int ranks) {
    if (!allowed(heads, ranks)) {
      throw new IllegalArgumentException(
          heads + " attention heads cannot be shared out over " + ranks + " Ulysses ranks");
    }
    return new HeadPadding(heads, ranks, padding(heads, ranks));
  }

  static boolean allowed(int heads, int ranks) {
    int padding = padding(heads, ranks);
    return padding < (heads + padding) / ranks;
  }

  private static int padding(int heads, int ranks) {
    return Math.floorMod(-heads, ranks);
  }

  /** Heads in each rank's piece of the exchange. */
  int perRank() {
    return (heads + padding) / ranks;
  }

  /** Heads that {@code rank} computes. */
  int computed(int rank) {
    return rank == ranks - 1 ? perRank() - padding : perRank();
  }
}
