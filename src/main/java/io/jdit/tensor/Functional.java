package io.jdit.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Storage;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Operators of neural networks, as in {@code torch.nn.functional}. A null weight, bias or mask
 * stands for none.
 */
public final class Functional {
  private Functional() {}

  /** x W^T + b; x [..., in], weight [out, in], bias [out]. */
  public static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
    try (TensorOptional b = optional(bias)) {
      return Tensor.wrap(torch.linear(x.handle(), weight.handle(), b));
    }
  }

  /**
   * {@code b} behind {@code a} along {@code dim}: a view where they lie so in memory, as two parts
   * of one tensor do, else a copy.
   */
  public static Tensor joined(int dim, Tensor a, Tensor b) {
    long[] shape = a.shape();
    shape[dim] += b.size(dim);
    boolean oneRow = Arrays.stream(shape, 0, dim).allMatch(n -> n == 1);
    if (!oneRow || !liesBehind(b, a)) {
      return Tensor.cat(dim, a, b);
    }
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= shape[i];
    }
    return Tensor.wrap(a.handle().as_strided(shape, strides));
  }

  /** Whether it follows in the same piece of memory. */
  private static boolean liesBehind(Tensor b, Tensor a) {
    if (a.device().isMeta()
        || !a.isContiguous()
        || !b.isContiguous()
        || b.address() != a.address() + a.bytes()) {
      return false;
    }
    long end = a.handle().storage_offset() * a.dtype().bytes() + a.bytes() + b.bytes();
    try (Storage storage = a.handle().storage()) {
      return end <= storage.nbytes();
    }
  }

  /**
   * GELU (tanh approximation) of x W^T + b, taken in float32 before the result is rounded. On CUDA
   * alone: on a CPU the operator takes the exact GELU.
   */
  public static Tensor linearGeluTanh(Tensor x, Tensor weight, Tensor bias) {
    try (TensorScope scope = TensorScope.open();
        Scalar one = new Scalar(1.0)) {
      Tensor rows = x.reshape(-1, x.size(-1));
      Tensor columns = weight.transpose(0, 1);
      Tensor y =
          Tensor.wrap(
              bias.handle()._addmm_activation(rows.handle(), columns.handle(), one, one, true));
      return scope.keep(y.view(widened(x, weight)));
    }
  }

  /**
   * x W^T + b, where {@code parts} are what stands side by side in x: a product of each with its
   * columns of the weight, added to those before, which are rounded to the dtype.
   *
   * @param parts [..., a], [..., b], ..., as wide together as the weight
   */
  public static Tensor linearOfParts(Tensor weight, Tensor bias, Tensor... parts) {
    if (parts.length == 1) {
      return linear(parts[0], weight, bias);
    }
    try (TensorScope scope = TensorScope.open()) {
      long from = parts[0].size(-1);
      Tensor y = linear(parts[0], weight.narrow(1, 0, from), bias);
      Tensor sum = y.view(-1, y.size(-1));
      for (int i = 1; i < parts.length; i++) {
        long width = parts[i].size(-1);
        Tensor rows = parts[i].reshape(-1, width);
        sum.handle().addmm_(rows.handle(), weight.narrow(1, from, width).transpose(0, 1).handle());
        from += width;
      }
      return scope.keep(y);
    }
  }

  private static long[] widened(Tensor x, Tensor weight) {
    long[] shape = x.shape();
    shape[shape.length - 1] = weight.size(0);
    return shape;
  }

  /** Rows of {@code weight} [n, dim] at {@code ids} [...]: [..., dim]. */
  public static Tensor embedding(Tensor weight, Tensor ids) {
    return Tensor.wrap(torch.embedding(weight.handle(), ids.handle()));
  }

  /** Layer norm over the last dimension. */
  public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double eps) {
    if (withoutData(x)) {
      return Tensor.empty(x.dtype(), x.device(), x.shape());
    }
    try (TensorOptional w = optional(weight);
        TensorOptional b = optional(bias)) {
      return Tensor.wrap(torch.layer_norm(x.handle(), new long[] {x.size(-1)}, w, b, eps, false));
    }
  }

  /** Group norm; x [B, C, ...]. */
  public static Tensor groupNorm(Tensor x, int groups, Tensor weight, Tensor bias, double eps) {
    if (withoutData(x)) {
      return Tensor.empty(x.dtype(), x.device(), x.shape());
    }
    try (TensorOptional w = optional(weight);
        TensorOptional b = optional(bias)) {
      return Tensor.wrap(torch.group_norm(x.handle(), groups, w, b, eps, false));
    }
  }

  /** 2-D convolution with square stride and padding; x [B, C, H, W], weight [out, C, kh, kw]. */
  public static Tensor conv2d(Tensor x, Tensor weight, Tensor bias, int stride, int padding) {
    if (withoutData(x)) {
      return convolved(x, weight, new long[] {stride, stride}, new long[] {padding, padding});
    }
    try (TensorOptional b = optional(bias)) {
      return Tensor.wrap(
          torch.conv2d(
              x.handle(),
              weight.handle(),
              b,
              new long[] {stride, stride},
              new long[] {padding, padding},
              new long[] {1, 1},
              1));
    }
  }

  /**
   * As {@link #conv2d}, on the CPU with the channels of a pixel side by side in memory: oneDNN
   * takes x as it is then and is 1.1 to 1.4 times as fast. The result lies in the same way, as does
   * what norms and element by element operators make of it, so that only the first of many
   * convolutions has to move anything.
   */
  public static Tensor conv2dChannelsLast(
      Tensor x, Tensor weight, Tensor bias, int stride, int padding) {
    if (withoutData(x)) {
      return Tensor.empty(
          x.dtype(),
          x.device(),
          convolvedShape(x, weight, new long[] {stride, stride}, new long[] {padding, padding}));
    }
    if (!x.device().isCpu()) {
      return conv2d(x, weight, bias, stride, padding);
    }
    try (Tensor in = x.channelsLast()) {
      return conv2d(in, weight, bias, stride, padding);
    }
  }

  /**
   * 3-D convolution; x [B, C, T, H, W], weight [out, C, kt, kh, kw].
   *
   * @param stride in time, height and width, as {@code padding}
   */
  public static Tensor conv3d(Tensor x, Tensor weight, Tensor bias, long[] stride, long[] padding) {
    if (withoutData(x)) {
      return convolved(x, weight, stride, padding);
    }
    try (TensorOptional b = optional(bias)) {
      return Tensor.wrap(
          torch.conv3d(x.handle(), weight.handle(), b, stride, padding, new long[] {1, 1, 1}, 1));
    }
  }

  /** LibTorch has no convolution without data. */
  private static Tensor convolved(Tensor x, Tensor weight, long[] stride, long[] padding) {
    long[] shape = convolvedShape(x, weight, stride, padding);
    Tensor result = Tensor.empty(x.dtype(), x.device(), shape);
    // With data oneDNN has both in a layout of its own meanwhile, which MetaMemory is to see.
    try (Tensor in = Tensor.empty(x.dtype(), x.device(), x.shape());
        Tensor out = Tensor.empty(x.dtype(), x.device(), shape)) {
      return result;
    }
  }

  private static long[] convolvedShape(Tensor x, Tensor weight, long[] stride, long[] padding) {
    long[] shape = x.shape();
    shape[1] = weight.size(0);
    for (int i = 0; i < stride.length; i++) {
      shape[i + 2] = (shape[i + 2] + 2 * padding[i] - weight.size(i + 2)) / stride[i] + 1;
    }
    return shape;
  }

  /** Nearest-neighbour enlargement of [B, C, H, W] by two. */
  public static Tensor upsampleNearest2x(Tensor x) {
    return Tensor.wrap(
        torch.upsample_nearest2d(x.handle(), new long[] {2 * x.size(2), 2 * x.size(3)}));
  }

  /** Nearest-neighbour enlargement of [B, C, T, H, W] to a size. */
  public static Tensor upsampleNearest3d(Tensor x, long frames, long height, long width) {
    return Tensor.wrap(torch.upsample_nearest3d(x.handle(), new long[] {frames, height, width}));
  }

  /** Zeros around the last two dimensions. */
  public static Tensor pad2d(Tensor x, int left, int right, int top, int bottom) {
    return Tensor.wrap(torch.constant_pad_nd(x.handle(), left, right, top, bottom));
  }

  /** Zeros before the first frame of [B, C, T, H, W]. */
  public static Tensor padFramesInFront(Tensor x, long frames) {
    return Tensor.wrap(torch.constant_pad_nd(x.handle(), 0, 0, 0, 0, frames, 0));
  }

  /**
   * [B, C, T, H, W] with its border pixels repeated around it.
   *
   * @param amounts left, right, top, bottom, before the first and after the last frame
   */
  public static Tensor padReplicated3d(Tensor x, long... amounts) {
    return Tensor.wrap(torch.replication_pad3d(x.handle(), amounts));
  }

  /** Euclidean norm along a dimension, which becomes 1 long; computed and given in float32. */
  public static Tensor norm(Tensor x, int dim) {
    try (Scalar two = new Scalar(2.0);
        ScalarTypeOptional float32 = new ScalarTypeOptional(DType.FLOAT32.scalarType)) {
      return Tensor.wrap(
          torch.linalg_vector_norm(x.handle(), two, new long[] {dim}, true, float32));
    }
  }

  public static Tensor silu(Tensor x) {
    return Tensor.wrap(torch.silu(x.handle()));
  }

  /** The same in x's place. */
  public static void silu_(Tensor x) {
    torch.silu_(x.handle());
  }

  /** GELU with the tanh approximation. */
  public static Tensor geluTanh(Tensor x) {
    return Tensor.wrap(torch.gelu(x.handle(), "tanh"));
  }

  /** GELU with the error function. */
  public static Tensor gelu(Tensor x) {
    return Tensor.wrap(torch.gelu(x.handle(), "none"));
  }

  /**
   * softmax(q k^T scale + mask) v by LibTorch's own kernels; q [B, H, Sq, D], k and v [B, H, Sk,
   * D].
   *
   * @param mask additive, broadcastable to [B, H, Sq, Sk]
   */
  public static Tensor scaledDotProductAttention(
      Tensor q, Tensor k, Tensor v, Tensor mask, boolean causal, double scale) {
    if (withoutData(q)) {
      return Tensor.empty(q.dtype(), q.device(), q.size(0), q.size(1), q.size(2), v.size(3));
    }
    try (TensorOptional m = optional(mask);
        DoubleOptional s = new DoubleOptional(scale)) {
      return Tensor.wrap(
          torch.scaled_dot_product_attention(
              q.handle(), k.handle(), v.handle(), m, 0.0, causal, s, false));
    }
  }

  /** True for operators on META that LibTorch has no kernel for: the shape is all there is. */
  private static boolean withoutData(Tensor x) {
    return x.device().type() == Device.Type.META;
  }

  private static TensorOptional optional(Tensor t) {
    return t == null ? new TensorOptional() : new TensorOptional(t.handle());
  }
}
