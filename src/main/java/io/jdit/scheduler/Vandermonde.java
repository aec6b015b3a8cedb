package io.jdit.scheduler;

/** Systems of powers, of at most a few unknowns. */
final class Vandermonde {
  private Vandermonde() {}

  /** Solves sum_l r_l^(j-1) rho_l = b_j for j = 1 ... n: a Vandermonde system. */
  static double[] solve(double[] r, double[] b, int n) {
    double[][] a = new double[n][n + 1];
    for (int j = 0; j < n; j++) {
      for (int l = 0; l < n; l++) {
        a[j][l] = Math.pow(r[l], j);
      }
      a[j][n] = b[j];
    }
    for (int j = 0; j < n; j++) {
      int pivot = j;
      for (int row = j + 1; row < n; row++) {
        if (Math.abs(a[row][j]) > Math.abs(a[pivot][j])) {
          pivot = row;
        }
      }
      double[] swap = a[j];
      a[j] = a[pivot];
      a[pivot] = swap;
      for (int row = 0; row < n; row++) {
        if (row != j) {
          double factor = a[row][j] / a[j][j];
          for (int l = j; l <= n; l++) {
            a[row][l] -= factor * a[j][l];
          }
        }
      }
    }
    double[] rho = new double[n];
    for (int j = 0; j < n; j++) {
      rho[j] = a[j][n] / a[j][j];
    }
    return rho;
  }
}
