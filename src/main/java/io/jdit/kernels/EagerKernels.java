package io.jdit.kernels;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.FusedSdpa;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.global.torch;

/**
 * The functions of {@link Kernels} written with tensor operators: what they are tested against, and
 * what runs where no library is loaded. They follow the reference's order of operations, with a
 * rounding after each.
 */
final class EagerKernels {
  private static final double LARGEST_E4M3 = 448;

  private EagerKernels() {}

  static Tensor layerNormModulate(Tensor x, Tensor scale, Tensor shift, double eps) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = Functional.layerNorm(x, null, null, eps);
      return scope.keep(n.mul(scale.add(1).unsqueeze(1)).add(shift.unsqueeze(1)));
    }
  }

  static Tensor rmsNormRope(Tensor x, Tensor weight, double eps, Tensor cos, Tensor sin) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = x;
      if (weight != null) {
        Tensor f = x.to(DType.FLOAT32);
        Tensor inverse = f.mul(f).mean(-1, true).add(eps).rsqrt();
        n = f.mul(inverse).to(x.dtype()).mul(weight);
      }
      if (cos != null) {
        long tokens = x.size(1);
        long dim = x.size(3);
        Tensor f = n.to(DType.FLOAT32);
        Tensor pairs = f.reshape(x.size(0), tokens, x.size(2), dim / 2, 2);
        Tensor turned =
            Tensor.stack(-1, pairs.select(-1, 1).neg(), pairs.select(-1, 0)).flatten(3, 4);
        n =
            f.mul(cos.view(1, tokens, 1, dim))
                .add(turned.mul(sin.view(1, tokens, 1, dim)))
                .to(x.dtype());
      }
      return scope.keep(n == x ? x.copy() : n);
    }
  }

  static Tensor gatedResidual(Tensor x, Tensor gate, Tensor y) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(x.add(y.mul(gate.unsqueeze(1))));
    }
  }

  static Tensor geluTanh(Tensor x) {
    return Functional.geluTanh(x);
  }

  static Tensor siluMul(Tensor gate, Tensor up) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(Functional.silu(gate).mul(up));
    }
  }

  static Tensor channelNorm(Tensor x, Tensor weight, double eps, boolean silu) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor norm = Functional.norm(x, 1).clamp(eps, Float.MAX_VALUE);
      long[] shape = new long[x.dim() - 1];
      Arrays.fill(shape, 1);
      shape[0] = weight.size(0);
      Tensor y = x.div(norm).to(x.dtype()).mul(weight.view(shape));
      return scope.keep(silu ? Functional.silu(y) : y);
    }
  }

  static Tensor attention(Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor o =
          Functional.scaledDotProductAttention(
              q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), null, causal, scale);
      return scope.keep(o.transpose(1, 2).contiguous());
    }
  }

  static AttentionWithLse attentionWithLse(
      Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] heads =
          FusedSdpa.withLogSumExp(
              q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale, causal);
      return new AttentionWithLse(
          scope.keep(heads[0].transpose(1, 2).contiguous()), scope.keep(heads[1]));
    }
  }

  /** Holds all scores. */
  static AttentionWithLse int8AttentionWithLse(Tensor q, Tensor k, Tensor v, double scale) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor queries = q.transpose(1, 2).to(DType.FLOAT32);
      Tensor keys = k.transpose(1, 2).to(DType.FLOAT32);
      Tensor mean = keys.mean(-2, true);
      Tensor scores =
          int8(queries)
              .matmul(int8(keys.sub(mean)).transpose(2, 3))
              .add(queries.matmul(mean.transpose(2, 3)))
              .mul(scale);
      Tensor lse = Tensor.wrap(torch.logsumexp(scores.handle(), -1));
      Tensor probabilities = scores.sub(lse.unsqueeze(3)).exp();
      Tensor out = probabilities.matmul(v.transpose(1, 2).to(DType.FLOAT32));
      return new AttentionWithLse(
          scope.keep(out.transpose(1, 2).contiguous().to(q.dtype())), scope.keep(lse));
    }
  }

  /** Rows rounded to 255 steps, as numbers again. */
  private static Tensor int8(Tensor x) {
    Tensor scales =
        Tensor.wrap(torch.amax(x.abs().handle(), new long[] {-1}, true))
            .clamp(0x1p-100, Double.POSITIVE_INFINITY)
            .div(127);
    return x.div(scales).round().mul(scales);
  }

  /** Bytes [..., format.bytes(D)] of x [..., D]. */
  static Tensor packFloat8(Tensor x, Float8Format format) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor f = x.to(DType.FLOAT32);
      Tensor largest = Tensor.wrap(torch.amax(f.abs().handle(), new long[] {-1}, true));
      Tensor scales;
      Tensor scaled;
      if (format == Float8Format.INPUT) {
        scales = largest.div(LARGEST_E4M3).clamp(1e-6, Double.POSITIVE_INFINITY);
        scaled = f.div(scales);
      } else {
        scales = largest.clamp(1e-4, Double.POSITIVE_INFINITY).div(LARGEST_E4M3);
        scaled = f.mul(Tensor.full(1, DType.FLOAT32, x.device()).div(scales));
      }
      Tensor codes =
          scaled
              .clamp(-LARGEST_E4M3, LARGEST_E4M3)
              .to(DType.FLOAT8_E4M3)
              .viewAs(DType.UINT8)
              .contiguous();
      return scope.keep(
          Tensor.cat(-1, codes, scales.to(format.scaleType()).contiguous().viewAs(DType.UINT8)));
    }
  }

  /** Float32 [..., D] of bytes [..., format.bytes(D)]. */
  static Tensor unpackFloat8(Tensor packed, Float8Format format) {
    try (TensorScope scope = TensorScope.open()) {
      long bytes = format.scaleType().bytes();
      int last = packed.dim() - 1;
      long dim = packed.size(last) - bytes;
      Tensor codes = packed.narrow(last, 0, dim).contiguous().viewAs(DType.FLOAT8_E4M3);
      Tensor scales = packed.narrow(last, dim, bytes).contiguous().viewAs(format.scaleType());
      return scope.keep(codes.to(DType.FLOAT32).mul(scales.to(DType.FLOAT32)));
    }
  }

  static void mergeAttention_(AttentionWithLse merged, AttentionWithLse part) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor lse = withoutKeysMinusInfinity(merged.logSumExp());
      Tensor partLse = withoutKeysMinusInfinity(part.logSumExp());
      Tensor none = Tensor.full(Double.NEGATIVE_INFINITY, DType.FLOAT32, lse.device());
      Tensor w = perRow(partLse.sub(lse).sigmoid());
      Tensor out = merged.out();
      Tensor partOut = part.out().to(DType.FLOAT32);
      Tensor sum = out.sub(w.mul(out.sub(partOut)));
      // Selected, not weighted with 0 or 1: the side without keys may hold anything.
      Tensor first = where(perRow(equal(lse, none)), partOut, sum);
      out.copy_(where(perRow(equal(partLse, none)), out, first));
      merged.logSumExp().copy_(Tensor.wrap(torch.logaddexp(lse.handle(), partLse.handle())));
    }
  }

  private static Tensor withoutKeysMinusInfinity(Tensor lse) {
    Tensor infinity = Tensor.full(Double.POSITIVE_INFINITY, DType.FLOAT32, lse.device());
    return where(equal(lse, infinity), infinity.neg(), lse);
  }

  /** [B, H, N] as [B, N, H, 1]. */
  private static Tensor perRow(Tensor perHead) {
    return perHead.transpose(1, 2).unsqueeze(-1);
  }

  private static Tensor equal(Tensor a, Tensor b) {
    return Tensor.wrap(torch.eq(a.handle(), b.handle()));
  }

  private static Tensor where(Tensor condition, Tensor a, Tensor b) {
    return Tensor.wrap(torch.where(condition.handle(), a.handle(), b.handle()));
  }

  static Codes quantize(Tensor x, DType type, boolean perTensor) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor scale = CodeRounding.scale(x, type, perTensor);
      return new Codes(scope.keep(CodeRounding.codes(x, scale, type)), scope.keep(scale));
    }
  }

  static Tensor scaleSums(
      Tensor sums, Tensor rowScale, Tensor columnScale, Tensor bias, DType dtype) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor rounded = sums.to(DType.FLOAT32).mul(rowScale).to(dtype);
      Tensor y = rounded.to(DType.FLOAT32).mul(columnScale.view(-1));
      return scope.keep((bias == null ? y : y.add(bias)).to(dtype));
    }
  }

  /** Sums {|prev - r|, |prev|} as float64 [2], r = h - h0 or h. */
  static Tensor residualSums(Tensor r, Tensor prev, boolean exact) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor difference = exact ? prev.sub(r) : prev.to(DType.FLOAT32).sub(r.to(DType.FLOAT32));
      return scope.keep(
          Tensor.stack(
              0, difference.abs().to(DType.FLOAT64).sum(), prev.abs().to(DType.FLOAT64).sum()));
    }
  }

  static List<Tensor> taylorUpdate(
      Tensor h, Tensor h1, List<Tensor> previous, int order, double window) {
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> next = new ArrayList<>();
      next.add(scope.keep(h1 == null ? h.copy() : h.sub(h1)));
      for (int i = 0; i < Math.min(order, previous.size()); i++) {
        next.add(scope.keep(next.get(i).sub(previous.get(i)).div(window)));
      }
      return next;
    }
  }

  static Tensor taylorEval(List<Tensor> ladder, Tensor base, double t) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = ladder.get(0).add(0);
      double factorial = 1;
      for (int i = 1; i < ladder.size(); i++) {
        factorial *= i;
        sum = sum.add(ladder.get(i).mul(1 / factorial).mul(Math.pow(t, i)));
      }
      return scope.keep(base == null ? sum : sum.add(base));
    }
  }

  static Tensor focaEval(Tensor a, Tensor a1, Tensor f, Tensor f1, double t) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor g = a.sub(a1).add(f.sub(f1));
      if (t <= 3) {
        return scope.keep(a.add(g.mul(t / 2)));
      }
      double w = 3 / t;
      Tensor z = a.add(g.mul(1.5));
      return scope.keep(z.mul(w).add(a.mul(1 - w)));
    }
  }
}
