package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.call;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.pointer;
import static io.jdit.kernels.NativeCall.requireLike;
import static io.jdit.kernels.NativeCall.supports;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * The element-wise functions of the cache engine, each one pass over memory. Every operation is
 * rounded to the tensors' dtype, so that the results are bit for bit those of the chain of single
 * operators that the reference runs.
 *
 * <p>All tensors of a call have one shape, dtype and device; another one is an {@link
 * IllegalArgumentException} that names the argument.
 */
public final class CacheKernels {
  private CacheKernels() {}

  /**
   * A residual and its distance from the previous one.
   *
   * @param residual h - h0 rounded to dtype; null where there was no h0
   * @param sums float64 [2] on the tensors' device: sum |previous - residual|, sum |previous|; null
   *     where there was no previous residual
   */
  public record Residual(Tensor residual, Tensor sums) {}

  /**
   * A FoCa forecast.
   *
   * @param value the forecast
   * @param sum forecast + base; null where there was no base
   */
  public record Forecast(Tensor value, Tensor sum) {}

  /**
   * r = h - h0 and how far the previous residual is from it. The sums are deterministic whatever
   * the number of threads.
   *
   * @param h0 null when {@code h} is the residual already
   * @param previous null when only the residual is wanted
   * @param exact round previous - r to dtype before its magnitude is taken, as the reference does
   */
  public static Residual residualDiff(Tensor h, Tensor h0, Tensor previous, boolean exact) {
    Tensor residual = h0 == null ? null : empty(h);
    return new Residual(residual, residualDiffInto(h, h0, previous, exact, residual));
  }

  /**
   * The same with the residual written to a given tensor.
   *
   * @param residual contiguous; null for none; may be any of the inputs
   * @return the sums, see {@link Residual}
   */
  public static Tensor residualDiffInto(
      Tensor h, Tensor h0, Tensor previous, boolean exact, Tensor residual) {
    requireLike("residualDiff h0", h0, h);
    requireLike("residualDiff previous", previous, h);
    requireOutput("residualDiff residual", residual, h);
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(h) || h.elements() == 0) {
        Tensor r = h0 == null ? h : h.sub(h0);
        Tensor sums = previous == null ? null : EagerKernels.residualSums(r, previous, exact);
        if (residual != null) {
          residual.copy_(r);
        }
        return sums == null ? null : scope.keep(sums);
      }
      Tensor sums =
          previous == null
              ? null
              : Tensor.empty(DType.FLOAT64, h.device(), CpuKernels.JDIT_RESIDUAL_SUMS);
      if (residual != null || sums != null) {
        var p = contiguous(h);
        var q = contiguous(h0);
        var l = contiguous(previous);
        var r = pointer(residual);
        var s = pointer(sums);
        int mode = exact ? 1 : 0;
        int code = dtypeCode(h);
        call(
            h.device(),
            stream ->
                CudaKernels.jdit_residual_diff(p, q, l, r, s, h.elements(), mode, code, stream),
            stream ->
                CpuKernels.jdit_residual_diff(p, q, l, r, s, h.elements(), mode, code, stream));
      }
      return sums == null ? null : scope.keep(sums.narrow(0, 0, 2));
    }
  }

  /**
   * The next Taylor ladder: [y, (y - previous[0]) / window, ...] with y = h - h1, at most {@code
   * order} differences and no more than there are previous levels.
   *
   * @param h1 null when {@code h} is y already
   * @param previous the last ladder, lowest order first, possibly empty
   * @param order at most 7
   * @return new tensors
   */
  public static List<Tensor> taylorUpdate(
      Tensor h, Tensor h1, List<Tensor> previous, int order, double window) {
    List<Tensor> next = new ArrayList<>();
    for (int i = 0; i <= Math.min(order, previous.size()); i++) {
      next.add(empty(h));
    }
    taylorUpdateInto(h, h1, previous, window, next);
    return next;
  }

  /**
   * The same into given tensors, {@code next.size() - 1} differences. {@code next.get(i)} may be
   * {@code previous.get(i)}: the ladder is then advanced in place.
   *
   * @param next contiguous
   */
  public static void taylorUpdateInto(
      Tensor h, Tensor h1, List<Tensor> previous, double window, List<Tensor> next) {
    int order = next.size() - 1;
    requireLike("taylorUpdate h1", h1, h);
    for (Tensor level : previous) {
      requireLike("taylorUpdate previous", level, h);
    }
    for (Tensor t : next) {
      requireOutput("taylorUpdate next", t, h);
    }
    if (order < 0 || order > CpuKernels.JDIT_MAX_TAYLOR_ORDER || order > previous.size()) {
      throw new IllegalArgumentException(
          "taylorUpdate next: expected 1 to "
              + (1 + Math.min(previous.size(), CpuKernels.JDIT_MAX_TAYLOR_ORDER))
              + " tensors, found "
              + next.size());
    }
    if (h.elements() == 0) {
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(h)) {
        List<Tensor> values = EagerKernels.taylorUpdate(h, h1, previous, order, window);
        for (int i = 0; i < values.size(); i++) {
          next.get(i).copy_(values.get(i));
        }
        return;
      }
      var p = contiguous(h);
      var q = contiguous(h1);
      long n = h.elements();
      int code = dtypeCode(h);
      try (var from = pointers(previous.subList(0, order));
          var to = pointers(next)) {
        call(
            h.device(),
            stream ->
                CudaKernels.jdit_taylor_update(p, q, from, to, order, window, n, code, stream),
            stream ->
                CpuKernels.jdit_taylor_update(p, q, from, to, order, window, n, code, stream));
      }
    }
  }

  /**
   * base + sum_i ((1/i!) ladder[i]) t^i, the sum from i = 0 up and the base last.
   *
   * @param ladder 1 to 8 tensors, lowest order first
   * @param base null for none
   */
  public static Tensor taylorEval(List<Tensor> ladder, Tensor base, double t) {
    requireTerms(ladder);
    Tensor out = empty(ladder.get(0));
    taylorEvalInto(ladder, base, t, out);
    return out;
  }

  /**
   * The same into a given tensor.
   *
   * @param out contiguous; may be any of the inputs
   */
  public static void taylorEvalInto(List<Tensor> ladder, Tensor base, double t, Tensor out) {
    requireTerms(ladder);
    Tensor first = ladder.get(0);
    for (Tensor level : ladder) {
      requireLike("taylorEval ladder", level, first);
    }
    requireLike("taylorEval base", base, first);
    requireOutput("taylorEval out", out, first);
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(first) || first.elements() == 0) {
        out.copy_(EagerKernels.taylorEval(ladder, base, t));
        return;
      }
      var b = contiguous(base);
      var o = out.dataPointer();
      long terms = ladder.size();
      long n = first.elements();
      int code = dtypeCode(first);
      try (var levels = pointers(ladder)) {
        call(
            first.device(),
            stream -> CudaKernels.jdit_taylor_eval(levels, terms, b, o, t, n, code, stream),
            stream -> CpuKernels.jdit_taylor_eval(levels, terms, b, o, t, n, code, stream));
      }
    }
  }

  /**
   * FoCa's forecast {@code t} calls after the last computed one.
   *
   * @param a the newest computed value, {@code a1} the one before
   * @param f the newest value, computed or forecast, {@code f1} the one before
   * @param base null for none
   */
  public static Forecast focaEval(Tensor a, Tensor a1, Tensor f, Tensor f1, Tensor base, double t) {
    Forecast out = new Forecast(empty(a), base == null ? null : empty(a));
    focaEvalInto(a, a1, f, f1, base, t, out);
    return out;
  }

  /**
   * The same into given tensors.
   *
   * @param out contiguous; its value may be any of the inputs; its sum is null where base is
   */
  public static void focaEvalInto(
      Tensor a, Tensor a1, Tensor f, Tensor f1, Tensor base, double t, Forecast out) {
    requireLike("focaEval a1", a1, a);
    requireLike("focaEval f", f, a);
    requireLike("focaEval f1", f1, a);
    requireLike("focaEval base", base, a);
    requireOutput("focaEval value", out.value(), a);
    requireOutput("focaEval sum", out.sum(), a);
    if ((base == null) != (out.sum() == null)) {
      throw new IllegalArgumentException("focaEval: base and sum must be given together");
    }
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(a) || a.elements() == 0) {
        Tensor y = EagerKernels.focaEval(a, a1, f, f1, t);
        if (base != null) {
          out.sum().copy_(y.add(base));
        }
        out.value().copy_(y);
        return;
      }
      var pa = contiguous(a);
      var pa1 = contiguous(a1);
      var pf = contiguous(f);
      var pf1 = contiguous(f1);
      var b = contiguous(base);
      var y = out.value().dataPointer();
      var s = pointer(out.sum());
      long n = a.elements();
      int code = dtypeCode(a);
      call(
          a.device(),
          stream -> CudaKernels.jdit_foca_eval(pa, pa1, pf, pf1, b, y, s, t, n, code, stream),
          stream -> CpuKernels.jdit_foca_eval(pa, pa1, pf, pf1, b, y, s, t, n, code, stream));
    }
  }

  private static void requireTerms(List<Tensor> ladder) {
    if (ladder.isEmpty() || ladder.size() > CpuKernels.JDIT_MAX_TAYLOR_ORDER + 1) {
      throw new IllegalArgumentException(
          "taylorEval ladder: expected 1 to "
              + (CpuKernels.JDIT_MAX_TAYLOR_ORDER + 1)
              + " tensors, found "
              + ladder.size());
    }
  }

  private static void requireOutput(String what, Tensor out, Tensor x) {
    requireLike(what, out, x);
    if (out != null && !out.isContiguous()) {
      throw new IllegalArgumentException(what + ": expected a contiguous tensor");
    }
  }

  private static Tensor empty(Tensor like) {
    return Tensor.empty(like.dtype(), like.device(), like.shape());
  }

  /**
   * Address of the elements in row-major order; a copy that is needed belongs to the open scope.
   */
  private static Pointer contiguous(Tensor x) {
    return x == null ? null : x.isContiguous() ? x.dataPointer() : x.contiguous().dataPointer();
  }

  private static PointerPointer<Pointer> pointers(List<Tensor> tensors) {
    var pointers = new PointerPointer<>(Math.max(1, tensors.size()));
    for (int i = 0; i < tensors.size(); i++) {
      pointers.put(i, contiguous(tensors.get(i)));
    }
    return pointers;
  }
}
