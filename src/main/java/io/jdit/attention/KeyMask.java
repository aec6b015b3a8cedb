package io.jdit.attention;

import io.jdit.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Keys that count, for each row of a batch as runs of neighbours. What does not count is left out
 * of keys and values before the attention, which then needs no mask: exact, on every kernel, and
 * nothing is computed for padding. A single run costs no copy.
 */
public final class KeyMask {
  private final long[][] rows; // starts and ends of the runs in turn

  private KeyMask(long[][] rows) {
    this.rows = rows;
  }

  /** Null when all keys count. */
  static KeyMask of(boolean[][] counting) {
    long[][] rows = new long[counting.length][];
    boolean all = true;
    for (int b = 0; b < rows.length; b++) {
      boolean[] row = counting[b];
      List<Long> edges = new ArrayList<>();
      for (int i = 0; i <= row.length; i++) {
        boolean here = i < row.length && row[i];
        if (here != (i > 0 && row[i - 1])) {
          edges.add((long) i);
        }
      }
      if (edges.isEmpty()) {
        throw new IllegalArgumentException("no key counts in row " + b + " of the mask");
      }
      rows[b] = edges.stream().mapToLong(Long::longValue).toArray();
      all &= edges.equals(List.of(0L, (long) row.length));
    }
    return all ? null : new KeyMask(rows);
  }

  /** The keys from {@code start} to before {@code end}, counted from there. */
  KeyMask within(long start, long end) {
    long[][] inside = new long[rows.length][];
    for (int b = 0; b < rows.length; b++) {
      List<Long> edges = new ArrayList<>();
      for (int i = 0; i < rows[b].length; i += 2) {
        long from = Math.max(start, rows[b][i]);
        long to = Math.min(end, rows[b][i + 1]);
        if (from < to) {
          edges.add(from - start);
          edges.add(to - start);
        }
      }
      inside[b] = edges.stream().mapToLong(Long::longValue).toArray();
    }
    return new KeyMask(inside);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KeyMask m && Arrays.deepEquals(rows, m.rows);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(rows);
  }

  /** An attention without a mask. */
  @FunctionalInterface
  public interface Unmasked<R> {
    /** Key and value have no tokens where none counts. */
    R attend(Tensor q, Tensor k, Tensor v);
  }

  /**
   * Calls {@code attention} with the keys and values that count: once when they are the same in all
   * rows, else for each row of the batch.
   *
   * @param q [B, Nq, H, Dh]
   * @param k [B, Nk, H, Dh]; v likewise
   * @return results for consecutive rows
   */
  public <R> List<R> attend(Tensor q, Tensor k, Tensor v, Unmasked<R> attention) {
    if (rows.length != 1 && rows.length != q.size(0)) {
      throw new IllegalArgumentException(
          "a key mask of " + rows.length + " rows does not fit the batch of query " + q);
    }
    if (Arrays.stream(rows).allMatch(r -> Arrays.equals(r, rows[0]))) {
      return List.of(attention.attend(q, counting(k, rows[0]), counting(v, rows[0])));
    }
    List<R> results = new ArrayList<>();
    for (int b = 0; b < rows.length; b++) {
      results.add(
          attention.attend(
              q.narrow(0, b, 1),
              counting(k.narrow(0, b, 1), rows[b]),
              counting(v.narrow(0, b, 1), rows[b])));
    }
    return results;
  }

  private static Tensor counting(Tensor x, long[] edges) {
    if (edges.length <= 2) {
      return edges.length == 0 ? x.narrow(1, 0, 0) : x.narrow(1, edges[0], edges[1] - edges[0]);
    }
    Tensor[] runs = new Tensor[edges.length / 2];
    for (int i = 0; i < runs.length; i++) {
      runs[i] = x.narrow(1, edges[2 * i], edges[2 * i + 1] - edges[2 * i]);
    }
    return Tensor.cat(1, runs);
  }
}
