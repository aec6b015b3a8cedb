package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.Proxy;
import java.net.URI;
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

  @Test
  void proxies() {
    EnvironmentProxy proxies =
        new EnvironmentProxy(
            Map.of(
                "HTTPS_PROXY",
                "http://proxy.example:3128",
                "no_proxy",
                "localhost,.intern.example"));
    assertThat(proxies.select(URI.create("https://hub.example/x")).get(0).address().toString())
        .contains("proxy.example")
        .contains("3128");
    assertThat(proxies.select(URI.create("http://hub.example/x"))).containsExactly(Proxy.NO_PROXY);
    assertThat(proxies.select(URI.create("https://a.intern.example")))
        .containsExactly(Proxy.NO_PROXY);
    assertThat(proxies.select(URI.create("https://localhost"))).containsExactly(Proxy.NO_PROXY);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"socks5://host:1080", "https://host:3128", "http://user:secret@host:3128"})
  void proxiesOfAnotherKindAreRefusedWithoutShowingThem(String proxy) {
    assertThatThrownBy(() -> new EnvironmentProxy(Map.of("HTTPS_PROXY", proxy)))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("HTTPS_PROXY or ALL_PROXY is not of the form")
        .hasMessageNotContaining("secret");
  }
}
