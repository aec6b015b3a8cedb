package io.jdit.cache.forecast;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Mean products of the velocities of a model's runs: of every guidance branch at every step with
 * every other one, divided by the number of elements. What a forecast by earlier velocities gets
 * wrong on average is a quadratic form in it.
 *
 * @param rows the lower triangle, row by row; branch 0 with all its steps first
 */
public record GramMatrix(int steps, int branches, List<double[]> rows) {
  /** Elements that are converted to float64 at once: differences of neighbours are small. */
  private static final long CHUNK = 1 << 18;

  public GramMatrix {
    Required.given("rows", rows);
    rows = List.copyOf(rows);
    Required.that(steps > 0 && branches > 0, "steps and branches must be >= 1");
    Required.that(
        rows.size() == steps * branches,
        "gram has %s rows, expected %s".formatted(rows.size(), steps * branches));
    for (int i = 0; i < rows.size(); i++) {
      Required.finite("row " + i + " of gram", rows.get(i), i + 1);
    }
  }

  /**
   * The matrix of one run.
   *
   * @param velocities branch 0 with all its steps first; float32 on the CPU, equal sizes
   */
  static GramMatrix of(int steps, int branches, List<Tensor> velocities) {
    int size = steps * branches;
    double[] sums = new double[size * size];
    long elements = velocities.get(0).elements();
    for (long start = 0; start < elements; start += CHUNK) {
      long length = Math.min(CHUNK, elements - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor[] parts = new Tensor[size];
        for (int i = 0; i < size; i++) {
          parts[i] = velocities.get(i).view(elements).narrow(0, start, length);
        }
        Tensor chunk = Tensor.stack(0, parts).to(DType.FLOAT64);
        double[] products = chunk.matmul(chunk.transpose(0, 1)).toDoubles();
        for (int i = 0; i < sums.length; i++) {
          sums[i] += products[i] / elements;
        }
      }
    }
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      double[] row = new double[i + 1];
      System.arraycopy(sums, i * size, row, 0, i + 1);
      rows.add(row);
    }
    return new GramMatrix(steps, branches, rows);
  }

  /** The mean of matrices of one size. */
  static GramMatrix mean(List<GramMatrix> matrices) {
    GramMatrix first = matrices.get(0);
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < first.rows.size(); i++) {
      double[] row = new double[i + 1];
      for (GramMatrix m : matrices) {
        for (int j = 0; j <= i; j++) {
          row[j] += m.rows.get(i)[j] / matrices.size();
        }
      }
      rows.add(row);
    }
    return new GramMatrix(first.steps, first.branches, rows);
  }

  /** The whole matrix: branch 0 with all its steps first. */
  double[][] toArray() {
    double[][] whole = new double[rows.size()][rows.size()];
    for (int i = 0; i < whole.length; i++) {
      for (int j = 0; j <= i; j++) {
        whole[i][j] = rows.get(i)[j];
        whole[j][i] = whole[i][j];
      }
    }
    return whole;
  }
}
