package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Expected values by huggingface_hub's constants.py. */
class HubEnvironmentTest {
  @TempDir private Path temp;

  @Test
  void foldersAreExpanded() {
    assertThat(cache("HF_HOME", "~/hf")).isEqualTo(Path.of("/h/hf/hub"));
    assertThat(cache("HF_HOME", "$SCRATCH/hf")).isEqualTo(Path.of("/s/hf/hub"));
    assertThat(cache("HF_HUB_CACHE", "${SCRATCH}/c")).isEqualTo(Path.of("/s/c"));
    assertThat(cache("HUGGINGFACE_HUB_CACHE", "~/c")).isEqualTo(Path.of("/h/c"));
    assertThat(cache("XDG_CACHE_HOME", "~/.c")).isEqualTo(Path.of("/h/.c/huggingface/hub"));
  }

  private static Path cache(String name, String value) {
    return HubCache.of(Map.of("HOME", "/h", "SCRATCH", "/s", name, value)).root();
  }

  @Test
  void emptyVariablesCountAsUnset() {
    assertThat(
            HubCache.of(
                    Map.of("HOME", "/h", "HF_HOME", "", "HF_HUB_CACHE", "", "XDG_CACHE_HOME", ""))
                .root())
        .isEqualTo(Path.of("/h/.cache/huggingface/hub"));
    assertThat(of("HF_ENDPOINT", "").endpoint()).hasToString("https://huggingface.co");
    assertThat(of("HF_HUB_DOWNLOAD_TIMEOUT", "").downloadTimeout())
        .isEqualTo(Duration.ofSeconds(10));
  }

  @Test
  void theNewNameOfTheCacheComesFirst() {
    assertThat(of("HF_HUB_CACHE", "/new", "HUGGINGFACE_HUB_CACHE", "/old").cache())
        .isEqualTo(Path.of("/new"));
  }

  @Test
  void tokenFilesAreExpanded() throws IOException {
    Files.writeString(temp.resolve("secret"), "hf_file\n");
    assertThat(of("HF_TOKEN_PATH", "$PLACE/secret", "PLACE", temp.toString()).token())
        .isEqualTo("hf_file");
    assertThat(of("HF_TOKEN_PATH", "~/secret", "HOME", temp.toString()).token())
        .isEqualTo("hf_file");
  }

  @Test
  void noTokenIsSentThatNobodyAskedFor() throws IOException {
    HubEnvironment silent = of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", "HF_TOKEN", "hf_x");
    assertThat(silent.token()).isEmpty();
    assertThat(silent.tokenState()).contains("HF_HUB_DISABLE_IMPLICIT_TOKEN");
    Files.writeString(temp.resolve("token"), "hf_file");
    assertThat(
            of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes", "HF_HOME", temp.toString(), "HF_TOKEN", "")
                .token())
        .isEmpty();
    assertThat(of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0", "HF_TOKEN", "hf_x").token())
        .isEqualTo("hf_x");
  }

  @Test
  void offlineSwitches() {
    assertThat(of("HF_HUB_OFFLINE", "1").offlineSwitch()).contains("HF_HUB_OFFLINE");
    assertThat(of("TRANSFORMERS_OFFLINE", "true").offlineSwitch()).contains("TRANSFORMERS_OFFLINE");
    assertThat(of("DIFFUSERS_OFFLINE", "on").offlineSwitch()).contains("DIFFUSERS_OFFLINE");
    assertThat(of("TRANSFORMERS_OFFLINE", "0").offlineSwitch()).isEmpty();
    assertThat(of("HF_HUB_OFFLINE", "", "TRANSFORMERS_OFFLINE", "1").offlineSwitch())
        .contains("TRANSFORMERS_OFFLINE");
    // huggingface_hub asks the other variable only where its own is not set.
    assertThat(of("HF_HUB_OFFLINE", "0", "TRANSFORMERS_OFFLINE", "1").offlineSwitch()).isEmpty();
  }

  @Test
  void endpoints() {
    assertThat(of("HF_ENDPOINT", "https://mirror.example/hf/").endpoint())
        .hasToString("https://mirror.example/hf");
    assertThat(of("HF_ENDPOINT", "http://[::1]:8765").endpoint()).hasToString("http://[::1]:8765");
    assertThatThrownBy(() -> of("HF_ENDPOINT", "https://u:secret@hub.example").endpoint())
        .isInstanceOf(HubException.class)
        .hasMessage("HF_ENDPOINT=https://...@hub.example is not of the form https://host");
  }

  @Test
  void timeouts() {
    HubEnvironment hub = of("HF_HUB_ETAG_TIMEOUT", "30", "HF_HUB_DOWNLOAD_TIMEOUT", "0.5");
    assertThat(hub.etagTimeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(hub.downloadTimeout()).isEqualTo(Duration.ofMillis(500));
    assertThat(of("HF_HUB_ETAG_TIMEOUT", "0").etagTimeout()).isEqualTo(Duration.ofSeconds(10));
    assertThatThrownBy(() -> of("HF_HUB_ETAG_TIMEOUT", "soon").etagTimeout())
        .isInstanceOf(HubException.class)
        .hasMessage("HF_HUB_ETAG_TIMEOUT=soon is not a number of seconds");
  }

  private static HubEnvironment of(String... pairs) {
    return new HubEnvironment(pairs(pairs));
  }

  private static Map<String, String> pairs(String... pairs) {
    Map<String, String> map = new HashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put(pairs[i], pairs[i + 1]);
    }
    return map;
  }
}
