package io.jdit.parallel;

import java.util.Arrays;

/**
 * Which rank holds how many tokens of the sample in work. Streams are cut each by itself, so with
 * lengths that do not divide, the counts are no even division of their sum.
 */
final class TokenShares {
  private final int ring;
  private final int ulysses;
  private long[] counts; // by context rank

  TokenShares(int ring, int ulysses) {
    this.ring = ring;
    this.ulysses = ulysses;
  }

  /** Tokens of part {@code part} of {@code n} tokens: the first parts hold one more. */
  static long count(long n, int parts, int part) {
    return n / parts + (part < n % parts ? 1 : 0);
  }

  /** First token of a part. */
  static long start(long n, int parts, int part) {
    return part * (n / parts) + Math.min(part, n % parts);
  }

  /**
   * Notes the lengths of the streams that are cut now.
   *
   * @throws IllegalArgumentException when a rank would get no token of a stream
   */
  void cut(long... lengths) {
    int parts = ring * ulysses;
    long[] sums = new long[parts];
    for (long n : lengths) {
      if (n < parts) {
        throw new IllegalArgumentException(
            "a stream of "
                + n
                + " tokens cannot be cut into "
                + parts
                + " parts: use fewer Ulysses and ring ranks, or a larger picture or prompt length");
      }
      for (int i = 0; i < parts; i++) {
        sums[i] += count(n, parts, i);
      }
    }
    counts = sums;
  }

  /** Tokens of each rank of the Ulysses group at this place of the ring. */
  long[] ofUlysses(int ringRank) {
    return Arrays.copyOfRange(known(), ringRank * ulysses, (ringRank + 1) * ulysses);
  }

  /** Tokens at each place of the ring, over the whole Ulysses group there. */
  long[] ofRing() {
    long[] sums = new long[ring];
    for (int r = 0; r < ring; r++) {
      sums[r] = Arrays.stream(ofUlysses(r)).sum();
    }
    return sums;
  }

  private long[] known() {
    if (counts == null) {
      throw new IllegalStateException("no token stream was cut before the parallel attention");
    }
    return counts;
  }
}
