package io.jdit.attention;

import io.jdit.kernels.AttentionKernels;
import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.FusedSdpa;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import java.util.Optional;

/**
 * The kernels that there are. All but {@link #SAGE} are exact: they differ in rounding, speed and
 * memory only.
 */
public enum BuiltInKernel implements AttentionKernel {
  /** JDiT's own on the CPU, on CUDA what LibTorch chooses: cuDNN's on a Hopper card. */
  NATIVE("native"),
  /** LibTorch's {@code scaled_dot_product_attention}, which chooses one of the following. */
  TORCH("torch_sdpa"),
  /** LibTorch's flash attention: tiles of scores that never leave the caches. */
  FLASH("_native_flash"),
  /** LibTorch's memory-efficient attention, xformers' kernel. */
  EFFICIENT("_native_efficient"),
  /** cuDNN's attention. */
  CUDNN("_native_cudnn"),
  /** Two matrix products; holds all scores, Nq Nk for each head. */
  MATH("_native_math"),
  /** JDiT's own with scores from codes of 8 bits, see {@link AttentionKernels#int8Attention}. */
  SAGE("sage");

  private static final long TRIAL_TOKENS = 64;
  private static final long TRIAL_DIM = 64;

  private final String text;

  BuiltInKernel(String text) {
    this.text = text;
  }

  /** Why it does not run on a device in a dtype; empty where it does. */
  public Optional<String> obstacle(Device device, DType dtype) {
    boolean sixteenBits = dtype == DType.BFLOAT16 || dtype == DType.FLOAT16;
    return switch (this) {
      case NATIVE, TORCH, MATH -> Optional.empty();
      case FLASH ->
          device.isCuda() && !sixteenBits
              ? Optional.of("on a GPU it needs bfloat16 or float16, not " + dtype.text())
              : Optional.empty();
      case EFFICIENT ->
          device.isCuda() ? Optional.empty() : Optional.of("it needs a GPU, not " + device);
      case CUDNN ->
          !device.isCuda()
              ? Optional.of("it needs a GPU, not " + device)
              : sixteenBits
                  ? Optional.empty()
                  : Optional.of("it needs bfloat16 or float16, not " + dtype.text());
      case SAGE ->
          device.isCuda()
              ? Optional.of("there is a kernel for CPUs only")
              : AttentionKernels.hasInt8(dtype, device)
                  ? Optional.empty()
                  : Optional.of("it needs AVX2 and float32, bfloat16 or float16");
    };
  }

  /** As {@link #obstacle}, and what LibTorch says when computing something small fails. */
  public Optional<String> trial(Device device, DType dtype) {
    Optional<String> known = obstacle(device, dtype);
    if (known.isPresent()) {
      return known;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.full(1, dtype, device, 1, TRIAL_TOKENS, 1, TRIAL_DIM);
      forward(x, x, x, 1);
      Torch.synchronize(device);
      return Optional.empty();
    } catch (RuntimeException e) {
      return Optional.of(String.valueOf(e.getMessage()).lines().findFirst().orElse("it fails"));
    }
  }

  @Override
  public boolean hasLogSumExp() {
    return this != MATH;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, double scale) {
    if (this == NATIVE) {
      return AttentionKernels.attention(q, k, v, scale, false);
    }
    if (this == SAGE) {
      return AttentionKernels.int8Attention(q, k, v, scale);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = q.transpose(1, 2);
      Tensor b = k.transpose(1, 2);
      Tensor c = v.transpose(1, 2);
      Tensor heads =
          switch (this) {
            case TORCH -> Functional.scaledDotProductAttention(a, b, c, null, false, scale);
            case MATH -> FusedSdpa.math(a, b, c, scale, false);
            default -> fused(a, b, c, scale)[0];
          };
      return scope.keep(heads.transpose(1, 2).contiguous());
    }
  }

  @Override
  public AttentionWithLse withLogSumExp(Tensor q, Tensor k, Tensor v, double scale) {
    if (this == NATIVE) {
      return AttentionKernels.attentionWithLse(q, k, v, scale, false);
    }
    if (this == SAGE) {
      return AttentionKernels.int8AttentionWithLse(q, k, v, scale);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] heads = fused(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale);
      return new AttentionWithLse(
          scope.keep(heads[0].transpose(1, 2).contiguous()), scope.keep(heads[1]));
    }
  }

  private Tensor[] fused(Tensor q, Tensor k, Tensor v, double scale) {
    return switch (this) {
      case TORCH -> FusedSdpa.withLogSumExp(q, k, v, scale, false);
      case FLASH ->
          FusedSdpa.withLogSumExp(
              q.device().isCuda() ? FusedSdpa.Backend.FLASH : FusedSdpa.Backend.CPU_FLASH,
              q,
              k,
              v,
              scale,
              false);
      case EFFICIENT -> FusedSdpa.withLogSumExp(FusedSdpa.Backend.EFFICIENT, q, k, v, scale, false);
      case CUDNN -> FusedSdpa.withLogSumExp(FusedSdpa.Backend.CUDNN, q, k, v, scale, false);
      case NATIVE, MATH, SAGE ->
          throw new IllegalStateException(this + " has no log-sum-exp of LibTorch's");
    };
  }

  @Override
  public String toString() {
    return text;
  }
}
