package io.jdit.attention;

import io.jdit.config.ConfigException;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Names of attention kernels in the configurations of cache-dit, diffusers and SGLang. There is one
 * exact attention here, {@link FusedAttention}: the names of exact kernels are requests for it, the
 * names of kernels that compute something else (8-bit, 4-bit) are refused.
 */
public final class AttentionBackend {
  private static final Set<String> NATIVE = Set.of("native", "torch_sdpa");

  private static final Set<String> EXACT =
      new TreeSet<>(
          Set.of(
              "fa",
              "flash",
              "flash_hub",
              "flash_varlen",
              "_flash_3",
              "_flash_3_hub",
              "_native_cudnn",
              "_native_efficient",
              "_native_flash",
              "_native_math",
              "_sdpa_cudnn"));

  private AttentionBackend() {}

  /**
   * Checks a name.
   *
   * @param place what an error begins with: the option, or the file and its key
   * @return what to tell a user who asked for another library's kernel
   * @throws ConfigException when no kernel here computes what the name stands for
   */
  public static Optional<String> check(String name, String place) {
    if (NATIVE.contains(name)) {
      return Optional.empty();
    }
    if (EXACT.contains(name)) {
      return Optional.of(
          place
              + " "
              + name
              + ": computed by JDiT's kernel on the CPU and LibTorch's flash attention on a GPU, no other library is"
              + " loaded");
    }
    throw new ConfigException(
        place
            + " '"
            + name
            + "' is not supported: use native, or one of "
            + String.join(", ", EXACT)
            + ", which mean the same here");
  }
}
