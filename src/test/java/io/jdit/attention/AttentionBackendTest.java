package io.jdit.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionBackendTest {
  private final List<String> notes = new ArrayList<>();

  private AttentionKernel kernel(String name, String device, DType dtype) {
    return new AttentionBackend(name, "a.yaml: attention_backend")
        .kernel(device(device), dtype, notes::add);
  }

  private static Device device(String text) {
    return text.equals("cpu")
        ? Device.CPU
        : new Device(Device.Type.CUDA, Integer.parseInt(text.substring("cuda:".length())));
  }

  @ParameterizedTest
  @CsvSource({
    "native, cpu, FLOAT32, NATIVE",
    "native, cuda:0, BFLOAT16, NATIVE",
    "torch_sdpa, cpu, FLOAT32, TORCH",
    "_native_math, cpu, BFLOAT16, MATH",
    "sage_attn, cpu, BFLOAT16, SAGE",
    "sage, cpu, FLOAT32, SAGE",
    "_native_flash, cpu, FLOAT32, FLASH",
    "_native_flash, cuda:0, BFLOAT16, FLASH",
    "_native_efficient, cuda:0, FLOAT32, EFFICIENT",
    "_native_cudnn, cuda:0, FLOAT16, CUDNN",
    "_sdpa_cudnn, cuda:0, BFLOAT16, CUDNN"
  })
  void namesOfLibTorchsKernels(String name, String device, DType dtype, BuiltInKernel expected) {
    assertThat(kernel(name, device, dtype)).isEqualTo(expected);
    assertThat(notes).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "flash, cpu, FLOAT32, NATIVE",
    "_flash_3, cuda:0, BFLOAT16, FLASH",
    "_flash_3_hub, cuda:1, FLOAT16, FLASH",
    "flash_varlen, cuda:0, BFLOAT16, FLASH",
    "fa, cpu, BFLOAT16, NATIVE"
  })
  void librariesOfOthersAreRequestsForTheNearestKernel(
      String name, String device, DType dtype, BuiltInKernel expected) {
    assertThat(kernel(name, device, dtype)).isEqualTo(expected);
    assertThat(notes)
        .singleElement()
        .asString()
        .startsWith("a.yaml: attention_backend " + name + ": no other library is loaded")
        .contains(expected.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "_native_efficient, cpu, FLOAT32, 'it needs a GPU, not cpu'",
    "sage_attn, cuda:0, BFLOAT16, 'there is a kernel for CPUs only'",
    "_sdpa_cudnn, cpu, FLOAT32, 'it needs a GPU, not cpu'",
    "_native_cudnn, cuda:0, FLOAT32, 'it needs bfloat16 or float16, not float32'",
    "_native_flash, cuda:0, FLOAT32, 'on a GPU it needs bfloat16 or float16, not float32'",
    "fa, cuda:0, FLOAT32, 'on a GPU it needs bfloat16 or float16, not float32'"
  })
  void whatCannotRunHereSaysWhyAndWhatIsUsed(
      String name, String device, DType dtype, String reason) {
    assertThat(kernel(name, device, dtype)).isEqualTo(BuiltInKernel.NATIVE);
    assertThat(notes)
        .containsExactly("a.yaml: attention_backend " + name + ": " + reason + "; native is used");
  }

  @ParameterizedTest
  @CsvSource({
    "sage_attn_3, 'compute capability 12.0'",
    "ffpa_fp8, 'compute capability 12.0'",
    "ffpa, 'compute capability 12.0'",
    "vmoba_attn, 'leaves scores out'",
    "xformers, 'has as _native_efficient'",
    "flex, 'torch.compile'",
    "aiter, 'AMD'",
    "_npu_fia, 'Ascend'",
    "_mindiesd_laser, 'Ascend'"
  })
  void otherComputationsAreRefusedWithTheReason(String name, String reason) {
    assertThatThrownBy(() -> new AttentionBackend(name, "--attention-backend"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("--attention-backend '" + name + "' is not supported: it")
        .hasMessageContaining(reason)
        .hasMessageContaining("use native, auto or one of _flash_3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"flsh", "FLASH "})
  void unknownNamesGetTheNearestOne(String name) {
    assertThatThrownBy(() -> new AttentionBackend(name, "CACHE_DIT_ATTN_BACKEND"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(
            "CACHE_DIT_ATTN_BACKEND '" + name + "' is not supported: did you mean flash? use");
  }

  @Test
  void onlyMathHasNoLogSumExp() {
    assertThat(BuiltInKernel.values())
        .filteredOn(k -> !k.hasLogSumExp())
        .containsExactly(BuiltInKernel.MATH);
  }
}
