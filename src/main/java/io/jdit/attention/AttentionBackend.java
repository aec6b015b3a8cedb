package io.jdit.attention;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * A name of an attention kernel in the configurations of cache-dit, diffusers and SGLang. Names of
 * kernels that LibTorch has mean those; names of libraries with other exact kernels are requests
 * for the nearest one here; names of kernels that compute something that no kernel here does are
 * refused.
 *
 * @param name as it was given
 * @param place what errors and notes begin with: the option, or the file and its key
 */
public record AttentionBackend(String name, String place) {
  /** The fastest for each shape, by measuring. */
  public static final String AUTO = "auto";

  /** Where nobody asks for another. */
  public static final AttentionBackend NATIVE =
      new AttentionBackend(BuiltInKernel.NATIVE.toString(), "attention_backend");

  /**
   * @throws ConfigException when no kernel here computes what the name stands for
   */
  public AttentionBackend {
    if (!Names.SUPPORTED.contains(name)) {
      String reason = Names.REFUSED.get(name);
      String nearest = KnownNames.nearest(name, Names.SUPPORTED);
      throw new ConfigException(
          place
              + " '"
              + name
              + "' is not supported: "
              + (reason != null ? reason + "; " : "did you mean " + nearest + "? ")
              + "use native, auto or one of "
              + Names.SUPPORTED.stream()
                  .filter(n -> !n.equals(AUTO) && !n.equals("native"))
                  .collect(Collectors.joining(", ")));
    }
  }

  /**
   * The kernel for a device and dtype: where that of the name does not run there, the native one.
   *
   * @param notes is told in a line when it is not exactly what the name asks for, and every choice
   *     of {@code auto}
   */
  public AttentionKernel kernel(Device device, DType dtype, Consumer<String> notes) {
    if (name.equals(AUTO)) {
      return new MeasuredKernel(notes);
    }
    BuiltInKernel here = Names.HERE.get(name);
    BuiltInKernel wanted =
        here != null ? here : device.isCuda() ? BuiltInKernel.FLASH : BuiltInKernel.NATIVE;
    Optional<String> obstacle = wanted.obstacle(device, dtype);
    BuiltInKernel used = obstacle.isPresent() ? BuiltInKernel.NATIVE : wanted;
    if (obstacle.isPresent()) {
      notes.accept(place + " " + name + ": " + obstacle.get() + "; native is used");
    } else if (here == null) {
      notes.accept(
          place
              + " "
              + name
              + ": no other library is loaded, the same is computed by "
              + (used == BuiltInKernel.NATIVE
                  ? "JDiT's kernel (native)"
                  : "LibTorch's (" + used + ")"));
    }
    return used;
  }

  private static final class Names {
    static final Map<String, BuiltInKernel> HERE =
        Arrays.stream(BuiltInKernel.values())
            .collect(Collectors.toMap(BuiltInKernel::toString, k -> k));
    static final Set<String> SUPPORTED;
    static final Map<String, String> REFUSED = new LinkedHashMap<>();

    static {
      HERE.put("_sdpa_cudnn", BuiltInKernel.CUDNN); // cache-dit's name
      // SageAttention 1 and 2; here p v is computed in the model's dtype for all of them.
      for (String name :
          List.of(
              "sage_attn",
              "sage_hub",
              "sage_varlen",
              "_sage_qk_int8_pv_fp16_cuda",
              "_sage_qk_int8_pv_fp16_triton",
              "_sage_qk_int8_pv_fp8_cuda",
              "_sage_qk_int8_pv_fp8_cuda_sm90")) {
        HERE.put(name, BuiltInKernel.SAGE);
      }
      SUPPORTED = new TreeSet<>(HERE.keySet());
      SUPPORTED.add(AUTO);
      // FlashAttention 2 to 4 as packages of their own.
      SUPPORTED.addAll(
          List.of(
              "fa",
              "fa2",
              "fa3",
              "fa4",
              "flash",
              "flash_hub",
              "flash_varlen",
              "flash_varlen_hub",
              "flash_4_hub",
              "_flash_3",
              "_flash_3_hub",
              "_flash_varlen_3",
              "_flash_3_varlen_hub"));
      refuse(
          "it computes in 4 bits or in float8 on cards of compute capability 12.0",
          "sage3",
          "sage_attn_3",
          "ffpa_fp8",
          "ffpa_fp4");
      refuse(
          "it leaves scores out, which changes pictures",
          "sla_attn",
          "sage_sla_attn",
          "vmoba_attn",
          "sparse_video_gen_2_attn",
          "video_sparse_attn",
          "sliding_tile_attn");
      refuse("its kernels are for compute capability 12.0 and a library of Python's", "ffpa");
      refuse(
          "it is a library of Python's, whose kernel LibTorch has as _native_efficient",
          "xformers");
      refuse("it is made by torch.compile, which LibTorch does not have", "flex");
      refuse("it is for AMD's GPUs", "aiter");
      refuse("it is for TPUs", "_native_xla");
      refuse("it is for Ascend's NPUs", "_native_npu", "_npu_fia", "_mindiesd_laser");
    }

    private static void refuse(String reason, String... names) {
      for (String name : names) {
        REFUSED.put(name, reason);
      }
    }

    private Names() {}
  }
}
