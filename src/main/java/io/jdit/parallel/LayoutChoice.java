package io.jdit.parallel;

/**
 * The layout that is taken when nobody gave one.
 *
 * @param reason why, for the user
 */
public record LayoutChoice(Mesh mesh, String reason) {
  /**
   * As many Ulysses ranks as the heads allow, the rest in a ring: Ulysses sends least, and a ring
   * takes any number.
   *
   * @param processes ranks that were or will be started
   * @param heads attention heads of the transformer
   */
  public static LayoutChoice automatic(ParallelSettings outer, int processes, int heads) {
    int part = outer.samplePart(processes);
    int ulysses = 1;
    for (int u : ParallelConfig.divisors(part)) {
      if (HeadPadding.allowed(heads, u)) {
        ulysses = u;
      }
    }
    Mesh mesh =
        new Mesh(
            outer.dpSize() == null ? 1 : outer.dpSize(),
            Boolean.TRUE.equals(outer.cfgParallel()) ? 2 : 1,
            part / ulysses,
            ulysses,
            1);
    String share =
        heads % ulysses == 0
            ? heads / ulysses + " of " + heads + " heads on each rank"
            : heads + " heads padded to " + HeadPadding.of(heads, ulysses).perRank() * ulysses;
    String reason =
        "ulysses "
            + ulysses
            + " ("
            + share
            + ")"
            + (part == ulysses
                ? ""
                : ", ring "
                    + part / ulysses
                    + " for the rest: "
                    + heads
                    + " heads cannot be shared out over "
                    + part
                    + " ranks");
    return new LayoutChoice(mesh, reason);
  }
}
