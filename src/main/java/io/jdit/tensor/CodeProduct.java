package io.jdit.tensor;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.IValue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * LibTorch's matrix products of 8-bit numbers, which run on tensor cores: called by name, for the
 * Java bindings leave them out. A card that refuses one is not asked again.
 */
public final class CodeProduct {
  private static final Logger LOG = LoggerFactory.getLogger(CodeProduct.class);

  /** cuBLAS' int8 product takes more rows than this, and multiples of {@link #INT8_DIVISOR}. */
  private static final int TOO_FEW_ROWS = 16;

  private static final int INT8_DIVISOR = 8;
  private static final int FLOAT8_DIVISOR = 16;

  /** Made at the first call. */
  static final class Ops {
    static final AtenOp INT8 = new AtenOp("aten::_int_mm");
    static final AtenOp FLOAT8 = new AtenOp("aten::_scaled_mm");

    private Ops() {}
  }

  /** Without VNNI oneDNN sums pairs of products in 16 bits, where they saturate. */
  private static final class OneDnnInt8 {
    static final boolean EXACT = exact();

    private static boolean exact() {
      int size = 64;
      try (TensorScope scope = TensorScope.open()) {
        Tensor largest = Tensor.full(127, DType.INT8, Device.CPU, size, size);
        Tensor sums = Ops.INT8.call(new IValue(largest.handle()), new IValue(largest.handle()));
        return sums.select(0, 0).select(0, 0).item() == 127 * 127 * size;
      }
    }
  }

  private static final Set<String> REFUSED = ConcurrentHashMap.newKeySet();

  private CodeProduct() {}

  /**
   * a b^T, exactly.
   *
   * @param a int8 [M, K]
   * @param b int8 [N, K]
   * @return int32 [M, N]; null where this device has no such product, as a processor without VNNI
   */
  public static Tensor int8(Tensor a, Tensor b) {
    boolean cuda = a.device().isCuda();
    String what = "int8 on " + a.device();
    if (REFUSED.contains(what)
        || !cuda && !OneDnnInt8.EXACT
        || cuda && (b.size(0) % INT8_DIVISOR != 0 || b.size(1) % INT8_DIVISOR != 0)) {
      return null;
    }
    try (TensorScope scope = TensorScope.open()) {
      long rows = a.size(0);
      Tensor enough = cuda && rows <= TOO_FEW_ROWS ? withZeros(a) : a;
      Tensor sums =
          Ops.INT8.call(new IValue(enough.handle()), new IValue(b.transpose(0, 1).handle()));
      return scope.keep(sums.narrow(0, 0, rows));
    } catch (RuntimeException e) {
      refused(what, e);
      return null;
    }
  }

  private static Tensor withZeros(Tensor a) {
    long missing = TOO_FEW_ROWS + 1 - a.size(0);
    return Tensor.cat(0, a, Tensor.zeros(a.dtype(), a.device(), missing, a.size(1)));
  }

  /**
   * (a b^T) scaleA scaleB + bias in float32, rounded to {@code dtype}.
   *
   * @param a float8 [M, K]
   * @param b float8 [N, K]
   * @param scaleA float32 [M, 1] and {@code scaleB} [N, 1], or both [1, 1]
   * @param bias [N] in {@code dtype}, or null
   * @param dtype bfloat16, for scales of rows
   * @return [M, N]; null where this device has no such product
   */
  public static Tensor float8(
      Tensor a, Tensor b, Tensor scaleA, Tensor scaleB, Tensor bias, DType dtype) {
    boolean perTensor = scaleB.size(0) == 1;
    String what = "float8 " + (perTensor ? "per tensor" : "per row") + " on " + a.device();
    if (REFUSED.contains(what)
        || !perTensor && a.device().isCpu() // LibTorch 2.10 has none
        || b.size(0) % FLOAT8_DIVISOR != 0
        || b.size(1) % FLOAT8_DIVISOR != 0) {
      return null;
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          Ops.FLOAT8.call(
              new IValue(a.handle()),
              new IValue(b.transpose(0, 1).handle()),
              new IValue((perTensor ? scaleA.view() : scaleA.contiguous()).handle()),
              new IValue((perTensor ? scaleB.view() : scaleB.view(1, -1)).handle()),
              bias == null ? new IValue() : new IValue(bias.handle()),
              new IValue(), // no scale of the result
              new IValue((long) dtype.scalarType.value),
              new IValue(true))); // sums of tensor cores as they are, as torchao has it
    } catch (RuntimeException e) {
      refused(what, e);
      return null;
    }
  }

  private static void refused(String what, RuntimeException e) {
    String reason = String.valueOf(e.getMessage());
    if (reason.contains("out of memory")) {
      throw e;
    }
    REFUSED.add(what);
    LOG.warn(
        "LibTorch's product of {} is not used, slower tensor operators are: {}",
        what,
        reason.lines().findFirst().orElse(""));
  }
}
