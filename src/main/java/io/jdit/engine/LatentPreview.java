package io.jdit.engine;

import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.media.Thumbnail;
import io.jdit.pipeline.Request;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;

/**
 * Coarse pictures of latents without the autoencoder: a colour is a linear function of a position's
 * channels, fitted by least squares to the pictures that the model has decoded so far. Before the
 * first one there is none.
 */
final class LatentPreview {
  /** Keeps the fit defined where channels do not vary; small against one position's square. */
  private static final double RIDGE = 1e-3;

  private static final int EDGE = 256; // of a preview, the longer one

  private double[][] xx; // [C + 1, C + 1], sums over positions
  private double[][] xy; // [C + 1, 3]
  private double[][] weights; // [C + 1, 3]; null when there is something new

  /** Positions in rows. */
  private record Grid(int height, int width, int channels, float[] values) {}

  /**
   * @param latents of a request that was decoded
   * @param picture the first output; of a video its middle frame
   */
  void learn(Request request, Tensor latents, Picture picture) {
    Grid grid = grid(request, latents);
    if (grid == null) {
      return;
    }
    int n = grid.channels + 1;
    if (xx == null || xx.length != n) {
      xx = new double[n][n];
      xy = new double[n][3];
    }
    Picture small = Thumbnail.of(picture, grid.width, grid.height);
    double[] x = new double[n];
    x[n - 1] = 1;
    for (int p = 0; p < grid.height * grid.width; p++) {
      for (int c = 0; c < grid.channels; c++) {
        x[c] = grid.values[p * grid.channels + c];
      }
      for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
          xx[i][j] += x[i] * x[j];
        }
        for (int c = 0; c < 3; c++) {
          xy[i][c] += x[i] * (small.rgb()[3 * p + c] & 0xff);
        }
      }
    }
    weights = null;
  }

  /** Null before anything was learned of latents of this form. */
  Picture picture(Request request, Tensor latents) {
    Grid grid = grid(request, latents);
    if (grid == null || xx == null || xx.length != grid.channels + 1) {
      return null;
    }
    if (weights == null) {
      weights = solve();
    }
    byte[] rgb = new byte[3 * grid.height * grid.width];
    for (int p = 0; p < grid.height * grid.width; p++) {
      for (int c = 0; c < 3; c++) {
        double sum = weights[grid.channels][c];
        for (int k = 0; k < grid.channels; k++) {
          sum += weights[k][c] * grid.values[p * grid.channels + k];
        }
        rgb[3 * p + c] = (byte) Math.max(0, Math.min(255, Math.round(sum)));
      }
    }
    Picture coarse = new Picture(grid.width, grid.height, rgb);
    double scale = (double) EDGE / Math.max(request.width(), request.height());
    return Resize.BICUBIC.resize(
        coarse,
        Math.max(1, (int) Math.round(request.width() * scale)),
        Math.max(1, (int) Math.round(request.height() * scale)));
  }

  /**
   * The first output's latents by position: [B, C, h, w], the middle frame of [B, C, F, h, w], or
   * packed [B, h w, C], where the picture's shape says how many are in a row. Null for other forms.
   */
  private static Grid grid(Request request, Tensor latents) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor one = latents.select(0, 0).to(Device.CPU, DType.FLOAT32);
      if (one.dim() == 2) {
        long positions = one.size(0);
        long height =
            Math.round(Math.sqrt((double) positions * request.height() / request.width()));
        if (height == 0 || positions % height != 0) {
          return null;
        }
        return new Grid(
            (int) height, (int) (positions / height), (int) one.size(1), one.toFloats());
      }
      Tensor planes = one.dim() == 4 ? one.select(1, one.size(1) / 2) : one; // [C, h, w]
      if (planes.dim() != 3) {
        return null;
      }
      return new Grid(
          (int) planes.size(1),
          (int) planes.size(2),
          (int) planes.size(0),
          planes.permute(1, 2, 0).contiguous().toFloats());
    }
  }

  /** Of all outputs together. */
  static long positions(Tensor latents) {
    int channels = latents.dim() == 3 ? 2 : 1;
    return Arrays.stream(latents.shape()).reduce(1, (a, b) -> a * b) / latents.size(channels);
  }

  /** Solves (X'X + ridge) W = X'Y by Cholesky's decomposition. */
  private double[][] solve() {
    int n = xx.length;
    double[][] l = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = xx[i][j] + (i == j ? RIDGE : 0);
        for (int k = 0; k < j; k++) {
          sum -= l[i][k] * l[j][k];
        }
        l[i][j] = i == j ? Math.sqrt(Math.max(sum, RIDGE)) : sum / l[j][j];
      }
    }
    double[][] w = new double[n][3];
    for (int c = 0; c < 3; c++) {
      for (int i = 0; i < n; i++) {
        double sum = xy[i][c];
        for (int k = 0; k < i; k++) {
          sum -= l[i][k] * w[k][c];
        }
        w[i][c] = sum / l[i][i];
      }
      for (int i = n - 1; i >= 0; i--) {
        double sum = w[i][c];
        for (int k = i + 1; k < n; k++) {
          sum -= l[k][i] * w[k][c];
        }
        w[i][c] = sum / l[i][i];
      }
    }
    return w;
  }
}
