package io.jdit.parallel;

import java.util.ArrayList;
import java.util.List;

/**
 * How ranks are ordered, from the outside in: replicas, guidance branches, ring, Ulysses, tensor.
 * The innermost dimension changes fastest, so that the ranks that talk most are neighbours.
 *
 * @param dp replicas with prompts of their own
 * @param cfg branches of classifier-free guidance on ranks of their own: 1 or 2
 * @param tp tensor-parallel ranks
 */
public record Mesh(int dp, int cfg, int ring, int ulysses, int tp) {
  /** Dimensions in the order of the ranks, outermost first. */
  public enum Dimension {
    DP,
    CFG,
    RING,
    ULYSSES,
    TP
  }

  public Mesh {
    for (int size : new int[] {dp, cfg, ring, ulysses, tp}) {
      if (size < 1) {
        throw new IllegalArgumentException("mesh sizes must be >= 1, found " + size);
      }
    }
  }

  public static Mesh single() {
    return new Mesh(1, 1, 1, 1, 1);
  }

  public int size(Dimension dimension) {
    return switch (dimension) {
      case DP -> dp;
      case CFG -> cfg;
      case RING -> ring;
      case ULYSSES -> ulysses;
      case TP -> tp;
    };
  }

  /** All ranks. */
  public int ranks() {
    return dp * cfg * samplePart();
  }

  /** Parts that the tokens of a sample are cut into. */
  public int context() {
    return ring * ulysses;
  }

  private int samplePart() {
    return context() * tp;
  }

  /** Ranks between two neighbours along {@code dimension}. */
  private int stride(Dimension dimension) {
    int stride = 1;
    for (Dimension d : Dimension.values()) {
      if (d.compareTo(dimension) > 0) {
        stride *= size(d);
      }
    }
    return stride;
  }

  /** Coordinate of a rank. */
  public int coordinate(int rank, Dimension dimension) {
    return rank / stride(dimension) % size(dimension);
  }

  /** Part of the tokens that a rank holds. */
  public int contextRank(int rank) {
    return coordinate(rank, Dimension.RING) * ulysses + coordinate(rank, Dimension.ULYSSES);
  }

  /**
   * The ranks that differ from {@code rank} in these dimensions only, ascending, {@code rank} among
   * them.
   */
  public int[] group(int rank, Dimension... along) {
    List<Dimension> free = List.of(along);
    List<Integer> members = new ArrayList<>();
    for (int other = 0; other < ranks(); other++) {
      boolean member = true;
      for (Dimension d : Dimension.values()) {
        member &= free.contains(d) || coordinate(other, d) == coordinate(rank, d);
      }
      if (member) {
        members.add(other);
      }
    }
    return members.stream().mapToInt(Integer::intValue).toArray();
  }

  /** For example {@code ring 2 x ulysses 2 x tp 2}; dimensions of size 1 are left out. */
  @Override
  public String toString() {
    List<String> parts = new ArrayList<>();
    for (Dimension d : Dimension.values()) {
      if (size(d) > 1) {
        parts.add(d.name().toLowerCase(java.util.Locale.ROOT) + " " + size(d));
      }
    }
    return parts.isEmpty() ? "one rank" : String.join(" x ", parts);
  }
}
