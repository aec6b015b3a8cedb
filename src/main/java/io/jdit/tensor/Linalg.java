package io.jdit.tensor;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.global.torch;

/**
 * Matrix factorisations, as in {@code torch.linalg}. Every method throws {@link
 * ArithmeticException} when LAPACK does not converge or the input is not finite.
 */
public final class Linalg {
  private Linalg() {}

  /**
   * Economy singular value decomposition a = u diag(s) vh.
   *
   * @param u [m, k] with k = min(m, n)
   * @param s [k], descending
   * @param vh [k, n]
   */
  public record Svd(Tensor u, Tensor s, Tensor vh) {}

  /** a = q r; q [m, k], r [k, n] with k = min(m, n). */
  public record Qr(Tensor q, Tensor r) {}

  /**
   * Eigenvalues and right eigenvectors of a real matrix; vector j is column j, {@code [row][j]}.
   */
  public record Eigen(
      double[] valuesRe, double[] valuesIm, double[][] vectorsRe, double[][] vectorsIm) {}

  /**
   * @param driver cuSOLVER's driver on a GPU, for example {@code gesvd}; null for the default,
   *     which is all that CPUs have
   */
  public static Svd svd(Tensor a, String driver) {
    try (BytePointer name = driver == null ? null : new BytePointer(driver);
        StringViewOptional d =
            name == null ? new StringViewOptional() : new StringViewOptional(name);
        T_TensorTensorTensor_T t = torch.linalg_svd(a.handle(), false, d)) {
      return new Svd(copyHandle(t.get0()), copyHandle(t.get1()), copyHandle(t.get2()));
    } catch (RuntimeException e) {
      throw failure("svd", a, e);
    }
  }

  public static Qr qr(Tensor a) {
    try (T_TensorTensor_T t = torch.linalg_qr(a.handle())) {
      return new Qr(copyHandle(t.get0()), copyHandle(t.get1()));
    } catch (RuntimeException e) {
      throw failure("qr", a, e);
    }
  }

  /** Eigendecomposition of a real square matrix, computed on the CPU in float64. */
  public static Eigen eigen(Tensor a) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor real = a.to(Device.CPU, DType.FLOAT64);
      Tensor values;
      Tensor vectors;
      try (T_TensorTensor_T t = torch.linalg_eig(real.handle())) {
        values = Tensor.wrap(torch.view_as_real(t.get0()));
        vectors = Tensor.wrap(torch.view_as_real(t.get1()));
      } catch (RuntimeException e) {
        throw failure("eig", a, e);
      }
      int n = (int) a.size(0);
      double[] value = values.toDoubles();
      double[] vector = vectors.toDoubles();
      Eigen eigen = new Eigen(new double[n], new double[n], new double[n][n], new double[n][n]);
      for (int i = 0; i < n; i++) {
        eigen.valuesRe[i] = value[2 * i];
        eigen.valuesIm[i] = value[2 * i + 1];
        for (int j = 0; j < n; j++) {
          eigen.vectorsRe[i][j] = vector[2 * (i * n + j)];
          eigen.vectorsIm[i][j] = vector[2 * (i * n + j) + 1];
        }
      }
      return eigen;
    }
  }

  /**
   * Minimum-norm least-squares solution of a x = b by QR with column pivoting (LAPACK gelsy); CPU.
   *
   * @param a [m, n]
   * @param b [m, k]
   * @param rcond singular directions below this fraction of the largest count as zero
   */
  public static Tensor lstsq(Tensor a, Tensor b, double rcond) {
    try (DoubleOptional r = new DoubleOptional(rcond);
        BytePointer name = new BytePointer("gelsy");
        StringViewOptional driver = new StringViewOptional(name);
        T_TensorTensorTensorTensor_T t = torch.linalg_lstsq(a.handle(), b.handle(), r, driver)) {
      return copyHandle(t.get0());
    } catch (RuntimeException e) {
      throw failure("lstsq", a, e);
    }
  }

  /** The tuple owns what it hands out: the result needs a handle of its own. */
  private static Tensor copyHandle(org.bytedeco.pytorch.Tensor borrowed) {
    return Tensor.wrap(new org.bytedeco.pytorch.Tensor(borrowed));
  }

  private static ArithmeticException failure(String operation, Tensor a, RuntimeException cause) {
    String reason = String.valueOf(cause.getMessage()).lines().findFirst().orElse("unknown");
    ArithmeticException failure =
        new ArithmeticException("linalg." + operation + " of " + a + " failed: " + reason);
    failure.initCause(cause);
    return failure;
  }
}
