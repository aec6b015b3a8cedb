package io.jdit.attention;

import java.util.Arrays;
import java.util.Objects;

/**
 * What an attention has to know of a sample besides query, key and value: how many tokens each part
 * of the sequence has, and which keys count. Immutable; made once for a call of the transformer.
 *
 * <p>Streams (text, image) are cut into parts each by itself and joined again part by part: the
 * order of all tokens, and of a mask, is [part 0 of A, part 0 of B, part 1 of A, part 1 of B, ...].
 */
public final class Tokens {
  private static final Tokens HERE = new Tokens(null, null, null);

  private final long[] lengths; // of the streams; null when unknown
  private final long[] counts; // by part; null when unknown
  private final KeyMask mask; // null when all keys count

  private Tokens(long[] lengths, long[] counts, KeyMask mask) {
    this.lengths = lengths;
    this.counts = counts;
    this.mask = mask;
  }

  /** All tokens on this rank, all keys count. */
  public static Tokens here() {
    return HERE;
  }

  /**
   * @param parts ranks that the tokens are spread over
   * @param lengths tokens of the streams, in the order in which a rank joins them
   * @throws IllegalArgumentException when a part would get no token of a stream
   */
  public static Tokens of(int parts, long... lengths) {
    long[] counts = new long[parts];
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
        counts[i] += count(n, parts, i);
      }
    }
    return new Tokens(lengths.clone(), counts, null);
  }

  /** Parts of these lengths. */
  public static Tokens ofParts(long... counts) {
    return new Tokens(null, counts.clone(), null);
  }

  /** Tokens of part {@code part} of {@code n} tokens: the first parts hold one more. */
  public static long count(long n, int parts, int part) {
    return n / parts + (part < n % parts ? 1 : 0);
  }

  /** First token of a part. */
  public static long start(long n, int parts, int part) {
    return part * (n / parts) + Math.min(part, n % parts);
  }

  /**
   * These tokens where only some keys count. Masks are of whole streams; they are brought into the
   * order of the tokens here. A mask of nothing but true is none.
   *
   * @param streams for each stream [B][length], true for keys that count, null for all of them; one
   *     row serves every row of the batch
   * @throws IllegalArgumentException when a mask has another length than its stream, or a row has
   *     no key at all
   */
  public Tokens masked(boolean[][]... streams) {
    if (lengths == null || streams.length != lengths.length) {
      throw new IllegalArgumentException(
          streams.length + " masks do not belong to streams of " + Arrays.toString(lengths));
    }
    int rows = 1;
    for (int s = 0; s < streams.length; s++) {
      if (streams[s] != null) {
        rows = Math.max(rows, streams[s].length);
        for (boolean[] row : streams[s]) {
          if (row.length != lengths[s]) {
            throw new IllegalArgumentException(
                "a mask of " + row.length + " does not fit a stream of " + lengths[s] + " tokens");
          }
        }
      }
    }
    boolean[][] joined = new boolean[rows][(int) Arrays.stream(lengths).sum()];
    for (int b = 0; b < rows; b++) {
      int at = 0;
      for (int part = 0; part < counts.length; part++) {
        for (int s = 0; s < streams.length; s++) {
          int start = (int) start(lengths[s], counts.length, part);
          int n = (int) count(lengths[s], counts.length, part);
          if (streams[s] == null) {
            Arrays.fill(joined[b], at, at + n, true);
          } else {
            boolean[] row = streams[s].length == 1 ? streams[s][0] : streams[s][b];
            System.arraycopy(row, start, joined[b], at, n);
          }
          at += n;
        }
      }
    }
    return new Tokens(lengths, counts, KeyMask.of(joined));
  }

  /**
   * Tokens of each part.
   *
   * @throws IllegalStateException when nobody said how the tokens are spread
   */
  public long[] counts() {
    if (counts == null) {
      throw new IllegalStateException(
          "an attention over several ranks needs the tokens of each: pass what cut() returned");
    }
    return counts.clone();
  }

  /** Tokens of the streams that were cut each by itself; null when unknown. */
  public long[] lengths() {
    return lengths == null ? null : lengths.clone();
  }

  /** Which keys count; null for all. */
  public KeyMask mask() {
    return mask;
  }

  /** The same tokens with every {@code n} neighbouring parts as one. */
  public Tokens grouped(int n) {
    long[] sums = new long[counts().length / n];
    for (int i = 0; i < counts.length; i++) {
      sums[i / n] += counts[i];
    }
    return new Tokens(null, sums, mask);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Tokens t
        && Arrays.equals(lengths, t.lengths)
        && Arrays.equals(counts, t.counts)
        && Objects.equals(mask, t.mask);
  }

  @Override
  public int hashCode() {
    return Objects.hash(Arrays.hashCode(lengths), Arrays.hashCode(counts), mask);
  }

  /** One part alone. */
  public Tokens part(int index) {
    long start = Arrays.stream(counts()).limit(index).sum();
    return new Tokens(
        null,
        new long[] {counts[index]},
        mask == null ? null : mask.within(start, start + counts[index]));
  }
}
