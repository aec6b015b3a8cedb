package io.jdit.cache;

import io.jdit.tensor.DType;
import io.jdit.tensor.Linalg;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;

/**
 * The modes of one item: y(h) = Re(Phi (l^h b)) with eigenvalues l and amplitudes b.
 *
 * <p>Phi = M W is complex and as tall as the item has elements; only the real M is kept, and W acts
 * on the few coefficients: y(h) = M Re(W (l^h b)). The least squares for b are reduced by M = Q R
 * to a small complex problem, which is solved as a real one of twice the size.
 */
final class DmdFit implements AutoCloseable {
  /** Automatic rank: singular values above this fraction of the largest. */
  private static final double RANK_CUT = 1e-4;

  private static final double EPSILON = Math.ulp(1.0);

  private final Tensor basis;
  private final Linalg.Eigen eigen;
  private final double[] amplitudesRe;
  private final double[] amplitudesIm;

  private DmdFit(Tensor basis, Linalg.Eigen eigen, double[] amplitudes) {
    this.basis = basis;
    this.eigen = eigen;
    int r = eigen.valuesRe().length;
    amplitudesRe = Arrays.copyOfRange(amplitudes, 0, r);
    amplitudesIm = Arrays.copyOfRange(amplitudes, r, 2 * r);
  }

  /**
   * @param snapshots float64 [elements, count], oldest first
   * @return null when a factorisation fails or the snapshots are not finite
   */
  static DmdFit of(Tensor snapshots, CalibratorConfig.Dmd config) {
    if (!snapshots.isFinite()) {
      return null;
    }
    try (TensorScope scope = TensorScope.open()) {
      long pairs = snapshots.size(1) - 1;
      Tensor from = snapshots.narrow(1, 0, pairs);
      Tensor to = snapshots.narrow(1, 1, pairs);
      boolean gesvd = config.svdPrecision() == SvdPrecision.HIGH && !snapshots.device().isCpu();
      Linalg.Svd svd = Linalg.svd(from, gesvd ? "gesvd" : null);
      double[] singular = svd.s().toDoubles();
      int rank = rank(singular, config.rank());
      Tensor u = svd.u().narrow(1, 0, rank);
      Tensor v = svd.vh().narrow(0, 0, rank).transpose(0, 1);
      double[] inverse = new double[rank];
      for (int i = 0; i < rank; i++) {
        inverse[i] = 1 / (singular[i] + config.ridge());
      }
      Tensor scale = Tensor.of(inverse, 1, rank).to(snapshots.device());
      Tensor image = to.matmul(v); // [elements, rank]
      Tensor operator = u.transpose(0, 1).matmul(image).mul(scale); // [rank, rank]
      if (!operator.isFinite()) {
        return null;
      }
      Tensor basis = image.mul(scale);
      Linalg.Eigen eigen = Linalg.eigen(operator);
      double[] amplitudes = amplitudes(basis, eigen, snapshots.narrow(1, pairs, 1));
      return new DmdFit(TensorScope.detach(basis), eigen, amplitudes);
    } catch (ArithmeticException e) {
      return null;
    }
  }

  private static int rank(double[] singular, int wanted) {
    int rank = wanted;
    if (rank <= 0) {
      rank = 0;
      for (double s : singular) {
        if (s > RANK_CUT * singular[0]) {
          rank++;
        }
      }
    }
    return Math.max(1, Math.min(rank, singular.length));
  }

  /** Minimum-norm b of Phi b = newest: real parts, then imaginary parts. */
  private static double[] amplitudes(Tensor basis, Linalg.Eigen eigen, Tensor newest) {
    Linalg.Qr qr = Linalg.qr(basis);
    int r = eigen.valuesRe().length;
    double[] triangle = qr.r().toDoubles();
    double[] projected = qr.q().transpose(0, 1).matmul(newest).toDoubles();
    double[] system = new double[4 * r * r];
    for (int i = 0; i < r; i++) {
      for (int j = 0; j < r; j++) {
        double re = 0;
        double im = 0;
        for (int k = 0; k < r; k++) {
          re += triangle[i * r + k] * eigen.vectorsRe()[k][j];
          im += triangle[i * r + k] * eigen.vectorsIm()[k][j];
        }
        system[i * 2 * r + j] = re;
        system[i * 2 * r + r + j] = -im;
        system[(r + i) * 2 * r + j] = im;
        system[(r + i) * 2 * r + r + j] = re;
      }
    }
    double[] right = Arrays.copyOf(projected, 2 * r);
    double rcond = EPSILON * Math.max(basis.size(0), r);
    return Linalg.lstsq(Tensor.of(system, 2 * r, 2 * r), Tensor.of(right, 2 * r, 1), rcond)
        .toDoubles();
  }

  /** The item {@code horizon} spacings after the newest snapshot, float64 [elements]. */
  Tensor evaluate(double horizon) {
    int r = amplitudesRe.length;
    double[] re = new double[r];
    double[] im = new double[r];
    for (int j = 0; j < r; j++) {
      double radius = Math.hypot(eigen.valuesRe()[j], eigen.valuesIm()[j]);
      double angle = horizon * Math.atan2(eigen.valuesIm()[j], eigen.valuesRe()[j]);
      double length = Math.pow(radius, horizon);
      double powerRe = length * Math.cos(angle);
      double powerIm = length * Math.sin(angle);
      re[j] = powerRe * amplitudesRe[j] - powerIm * amplitudesIm[j];
      im[j] = powerRe * amplitudesIm[j] + powerIm * amplitudesRe[j];
    }
    double[] coefficients = new double[r];
    for (int i = 0; i < r; i++) {
      for (int j = 0; j < r; j++) {
        coefficients[i] += eigen.vectorsRe()[i][j] * re[j] - eigen.vectorsIm()[i][j] * im[j];
      }
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor c = Tensor.of(coefficients, r, 1).to(basis.device(), DType.FLOAT64);
      return scope.keep(basis.matmul(c).reshape(-1));
    }
  }

  @Override
  public void close() {
    basis.close();
  }
}
