package io.jdit.transformer;

import io.jdit.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/** Tokens of a picture: rows and columns. */
public record Grid(int height, int width) {
  public int tokens() {
    return height * width;
  }

  /** Grids as a condition holds them: int64 [1, grids, 2] on the CPU. */
  public static Tensor toTensor(List<Grid> grids) {
    long[] sizes = grids.stream().flatMapToLong(g -> LongStream.of(g.height, g.width)).toArray();
    return Tensor.of(sizes, 1, grids.size(), 2);
  }

  /** Of the first row of a batch of {@link #toTensor}s, whose rows are equal. */
  public static List<Grid> ofFirst(Tensor batch) {
    long[] sizes = batch.toLongs();
    List<Grid> grids = new ArrayList<>();
    for (int i = 0; i < batch.size(1); i++) {
      grids.add(new Grid((int) sizes[2 * i], (int) sizes[2 * i + 1]));
    }
    return grids;
  }
}
