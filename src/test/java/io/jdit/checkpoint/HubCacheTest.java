package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HubCacheTest {
  @Test
  void rootComesFromTheFirstVariableThatIsSet() {
    assertThat(HubCache.of(Map.of("HOME", "/h")).root())
        .isEqualTo(Path.of("/h/.cache/huggingface/hub"));
    assertThat(HubCache.of(Map.of("HOME", "/h", "XDG_CACHE_HOME", "/x")).root())
        .isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(HubCache.of(Map.of("HF_HOME", "/f", "XDG_CACHE_HOME", "/x")).root())
        .isEqualTo(Path.of("/f/hub"));
    assertThat(HubCache.of(Map.of("HF_HUB_CACHE", "/c", "HF_HOME", "/f")).root())
        .isEqualTo(Path.of("/c"));
  }

  @Test
  void identifiers() {
    assertThat(HubId.parse("org/name.v1@refs/pr/3"))
        .contains(new HubId("org/name.v1", "refs/pr/3"));
    assertThat(HubId.parse("org/name")).contains(new HubId("org/name", "main"));
    assertThat(HubId.parse("org/name").orElseThrow()).hasToString("org/name");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"name", "/abs/path", "./a/b", "a/b/c", "../a", "a/..b", "org/name@", "a b/c", ""})
  void otherTextIsNoIdentifier(String text) {
    assertThat(HubId.parse(text)).isEmpty();
  }
}
