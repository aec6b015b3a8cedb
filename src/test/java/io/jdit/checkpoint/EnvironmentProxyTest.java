package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnvironmentProxyTest {
  private static final URI HUB = URI.create("https://hub.example/x");

  @ParameterizedTest
  @CsvSource({
    "http://proxy.example:3128, http://proxy.example:3128",
    "proxy.example:3128, http://proxy.example:3128",
    "http://proxy.example, http://proxy.example:80",
    "HTTP://proxy.example:3128/, http://proxy.example:3128",
    "http://u:p@proxy.example:3128, http://proxy.example:3128",
    "http://[fd00::1]:3128, http://[fd00::1]:3128",
  })
  void forms(String variable, String route) {
    EnvironmentProxy proxies = new EnvironmentProxy(Map.of("HTTPS_PROXY", variable));
    assertThat(proxies.route(HUB).orElseThrow()).hasToString(route);
    InetSocketAddress address = (InetSocketAddress) proxies.select(HUB).get(0).address();
    assertThat(address.isUnresolved()).isTrue();
    assertThat(route).endsWith(":" + address.getPort());
  }

  /** The header as Python's requests writes it. */
  @ParameterizedTest
  @CsvSource({
    "http://u:p@proxy:3128, Basic dTpw",
    "http://user:p%40ss%3Aword@proxy:3128, Basic dXNlcjpwQHNzOndvcmQ=",
    "http://user:p@ss@proxy:3128, Basic dXNlcjpwQHNz",
    "http://user:a+b%@proxy:3128, Basic dXNlcjphK2Il",
    "http://user@proxy:3128, Basic dXNlcjo=",
    "u:p@proxy:3128, Basic dTpw",
  })
  void credentials(String variable, String header) {
    EnvironmentProxy proxies = new EnvironmentProxy(Map.of("https_proxy", variable));
    assertThat(proxies.authorization(HUB)).contains(header);
    assertThat(proxies.route(HUB).orElseThrow()).hasToString("http://proxy:3128");
    assertThat(proxies.authorization(URI.create("http://hub.example"))).isEmpty();
  }

  @Test
  void whichVariable() {
    EnvironmentProxy proxies =
        new EnvironmentProxy(Map.of("HTTPS_PROXY", "http://a:1", "ALL_PROXY", "http://b:2"));
    assertThat(proxies.route(HUB).orElseThrow().variable()).isEqualTo("HTTPS_PROXY");
    assertThat(proxies.route(URI.create("http://hub.example")).orElseThrow().variable())
        .isEqualTo("ALL_PROXY");
    assertThat(
            new EnvironmentProxy(Map.of("HTTPS_PROXY", "http://a:1", "https_proxy", "http://c:3"))
                .route(HUB)
                .orElseThrow())
        .hasToString("http://c:3");
    // A lower-case twin that is empty switches the other off, as for urllib.
    assertThat(
            new EnvironmentProxy(Map.of("HTTPS_PROXY", "http://a:1", "https_proxy", "")).route(HUB))
        .isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socks5://u:secret@host:1080",
        "socks5h://host:1080",
        "https://user:secret@host:3128",
        "http://user:secret@ho st:3128"
      })
  void otherKindsAreRefusedWhereTheyWouldBeUsedOnlyAndNeverShown(String proxy) {
    assertThatThrownBy(() -> new EnvironmentProxy(Map.of("ALL_PROXY", proxy)).route(HUB))
        .isInstanceOf(HubException.class)
        .hasMessageStartingWith("ALL_PROXY ")
        .hasMessageContaining("NO_PROXY=hub.example")
        .hasMessageNotContaining("secret");
    assertThat(
            new EnvironmentProxy(Map.of("ALL_PROXY", proxy, "NO_PROXY", "hub.example")).select(HUB))
        .containsExactly(Proxy.NO_PROXY);
    assertThat(
            new EnvironmentProxy(Map.of("ALL_PROXY", proxy, "HTTPS_PROXY", "http://a:1"))
                .route(HUB)
                .orElseThrow())
        .hasToString("http://a:1");
    assertThat(new EnvironmentProxy(Map.of("HTTP_PROXY", proxy)).route(HUB)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          *                          | https://hub.example           | true
          hub.example                | https://hub.example           | true
          hub.example                | https://cdn.hub.example:8443  | true
          hub.example                | https://nothub.example        | false
          .hub.example               | https://cdn.hub.example       | true
          *.hub.example              | https://cdn.hub.example       | true
          HUB.example                | https://hub.EXAMPLE           | true
          a.example hub.example      | https://hub.example           | true
          a.example , hub.example    | https://hub.example           | true
          hub.example:8443           | https://hub.example:8443      | true
          hub.example:8443           | https://hub.example           | false
          hub.example:443            | https://hub.example           | true
          hub.example:80             | http://hub.example            | true
          .example:8443              | https://hub.example:8443      | true
          https://hub.example        | https://hub.example           | true
          127.0.0.1                  | http://127.0.0.1:8765         | true
          127.0.0.1:8765             | http://127.0.0.1:8765         | true
          127.0.0.1:8766             | http://127.0.0.1:8765         | false
          127.0.0.0/8                | http://127.9.9.9              | true
          10.0.0.0/8                 | http://127.0.0.1              | false
          10.1.2.0/23                | http://10.1.3.9               | true
          10.1.2.0/23                | http://10.1.4.9               | false
          0.0.0.0/0                  | http://10.1.4.9               | true
          10.0.0.0/8                 | http://hub.example            | false
          7.0.0.1                    | http://127.0.0.1              | false
          ::1                        | http://[::1]:8765             | true
          [::1]:8765                 | http://[::1]:8765             | true
          [::1]:8766                 | http://[::1]:8765             | false
          fd00::/8                   | http://[fd12::5]              | true
          fd00::/8                   | http://[fe80::5]              | false
          localhost                  | http://localhost:8765         | true
          ,                          | https://hub.example           | false
          """)
  void exemptions(String variable, URI uri, boolean exempt) {
    assertThat(new NoProxy(variable).covers(uri)).isEqualTo(exempt);
  }
}
