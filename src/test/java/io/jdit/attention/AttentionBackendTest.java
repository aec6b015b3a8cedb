package io.jdit.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionBackendTest {
  @Test
  void nativeNeedsNoWord() {
    assertThat(AttentionBackend.check("native", "x")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"flash", "_flash_3", "_sdpa_cudnn", "_native_cudnn", "fa"})
  void exactKernelsOfOthersAreRequests(String name) {
    assertThat(AttentionBackend.check(name, "a.yaml: attention_backend").orElseThrow())
        .startsWith("a.yaml: attention_backend " + name)
        .contains("no other library");
  }

  @ParameterizedTest
  @ValueSource(strings = {"sage", "ffpa_fp8", "xformers", "flsh"})
  void everythingElseIsRefusedWithTheNames(String name) {
    assertThatThrownBy(() -> AttentionBackend.check(name, "--attention-backend"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("--attention-backend '" + name + "' is not supported: use native")
        .hasMessageContaining("_flash_3");
  }
}
