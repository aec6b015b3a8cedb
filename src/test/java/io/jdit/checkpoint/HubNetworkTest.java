package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.testing.FakeHub;
import io.jdit.testing.FakeProxy;
import io.jdit.testing.TestAuthority;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What stands between a machine and the hub: proxies, certificates, switches, tokens. */
@Timeout(20)
class HubNetworkTest {
  private static final HubId ID = HubId.parse("org/name").orElseThrow();
  private static final String VAE = "vae/diffusion_pytorch_model.safetensors";

  @TempDir private static Path keys;
  private static TestAuthority authority;

  @TempDir private Path temp;
  private FakeHub hub;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeAll
  static void makeCertificates() {
    authority = TestAuthority.create(keys);
  }

  @BeforeEach
  void start() throws IOException {
    start(new FakeHub());
  }

  private void start(FakeHub fake) {
    if (hub != null) {
      hub.close();
    }
    hub = fake;
    environment.put("HF_HOME", temp.resolve("hf").toString());
    environment.put("HF_ENDPOINT", hub.url());
    put("model_index.json", "{\"vae\": [\"diffusers\", \"AutoencoderKL\"]}");
    put("vae/config.json", "{}");
    put(VAE, "weights");
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  @Test
  void credentialsGoToTheProxyAndNowhereElse() throws IOException {
    try (FakeProxy proxy = new FakeProxy("u:p@ss")) {
      environment.put("HTTP_PROXY", "http://u:p%40ss@127.0.0.1:" + proxy.port());
      assertThat(fetch().resolve(VAE)).hasContent("weights");
      assertThat(proxy.requests)
          .hasSameSizeAs(hub.requests)
          .anyMatch(r -> r.startsWith("GET " + hub.storageUrl()));
      assertThat(hub.requests).allMatch(r -> r.endsWith(" null"));
    }
  }

  @Test
  void aProxyIsAskedForAHostThatOnlyItKnows() throws IOException {
    try (FakeProxy proxy = new FakeProxy("")) {
      environment.put("HF_ENDPOINT", hub.url().replace("127.0.0.1", "hub.invalid"));
      environment.put("http_proxy", "127.0.0.1:" + proxy.port());
      environment.put("NO_PROXY", "10.0.0.0/8,127.0.0.0/8");
      assertThat(fetch().resolve(VAE)).hasContent("weights");
      assertThat(proxy.requests).isNotEmpty().allMatch(r -> r.contains("hub.invalid"));
    }
  }

  @Test
  void wrongCredentialsAreSaidAtOnceWithoutShowingThem() throws IOException {
    try (FakeProxy proxy = new FakeProxy("u:p")) {
      environment.put("HTTP_PROXY", "http://u:secret@127.0.0.1:" + proxy.port());
      assertThatThrownBy(this::fetch)
          .isInstanceOf(HubException.class)
          .hasMessageContaining("the proxy http://127.0.0.1:" + proxy.port())
          .hasMessageContaining("HTTP 407")
          .hasMessageNotContaining("secret");
      assertThat(proxy.requests).hasSize(1);
    }
  }

  @Test
  void aTunnelGetsTheCredentialsToo() throws IOException {
    start(new FakeHub(authority.server()));
    environment.put("SSL_CERT_FILE", authority.certificate().toString());
    try (FakeProxy proxy = new FakeProxy("u:p")) {
      environment.put("HTTPS_PROXY", "http://u:p@127.0.0.1:" + proxy.port());
      assertThat(fetch().resolve(VAE)).hasContent("weights");
      assertThat(proxy.requests).isNotEmpty().allMatch(r -> r.startsWith("CONNECT localhost:"));
      environment.put("HTTPS_PROXY", "http://u:secret@127.0.0.1:" + proxy.port());
      environment.put("HF_HOME", temp.resolve("other").toString());
      assertThatThrownBy(this::fetch)
          .isInstanceOf(HubException.class)
          .hasMessageContaining("HTTP 407")
          .hasMessageNotContaining("secret");
    }
  }

  @Test
  void aProxyThatIsNotUsedIsNoMatter() {
    environment.put("HTTPS_PROXY", "http://u:p@proxy.invalid:3128");
    environment.put("ALL_PROXY", "socks5://proxy.invalid:1080");
    environment.put("NO_PROXY", hub.url().substring("http://".length()) + ",127.0.0.0/8");
    assertThat(fetch().resolve(VAE)).hasContent("weights");
    environment.put("NO_PROXY", "localhost");
    assertThat(fetch().resolve(VAE)).as("from the cache").hasContent("weights");
    environment.put("HF_HOME", temp.resolve("other").toString());
    assertThatThrownBy(this::fetch)
        .hasMessageContaining("ALL_PROXY names a proxy of the kind socks5");
  }

  @Test
  void certificatesOfACompany() throws IOException {
    start(new FakeHub(authority.server()));
    for (String variable : new String[] {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
      Map<String, String> with = new HashMap<>(environment);
      with.put(variable, authority.certificate().toString());
      with.put("HF_HOME", temp.resolve(variable).toString());
      assertThat(fetch(with).resolve(VAE)).as(variable).hasContent("weights");
    }
    environment.put("SSL_CERT_DIR", "/no/such/folder:" + temp + ":" + keys);
    assertThat(fetch().resolve(VAE)).hasContent("weights");
  }

  @Test
  void bundlesWithOtherTextInThem() throws IOException {
    start(new FakeHub(authority.server()));
    String pem = Files.readString(authority.certificate());
    Path bundle =
        Files.writeString(
            temp.resolve("bundle.pem"),
            "0 comments: Müller\n"
                + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
                + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
                + "Issuer: CN=Test CA\r\n"
                + pem.replace("\n", "\r\n"),
            StandardCharsets.UTF_8);
    environment.put("REQUESTS_CA_BUNDLE", bundle.toString());
    assertThat(fetch().resolve(VAE)).hasContent("weights");
    assertThat(new TrustedCertificates(environment).counts()).containsValue(1);
  }

  @Test
  void aCertificateThatIsNotTrustedIsSaidAtOnce() throws IOException {
    start(new FakeHub(authority.server()));
    assertThatThrownBy(this::fetch)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("the certificate of localhost is not trusted")
        .hasMessageContaining("SSL_CERT_FILE");
    assertThat(hub.requests).isEmpty();
    environment.put("SSL_CERT_FILE", authority.certificate().toString());
    environment.put("HF_ENDPOINT", hub.url().replace("localhost", "127.0.0.1"));
    assertThatThrownBy(this::fetch)
        .as("another host than it is for")
        .hasMessageContaining("the certificate of 127.0.0.1 is not trusted");
  }

  @Test
  void certificateFilesThatCannotBeReadAreNamedWhereTheyAreNeeded() throws IOException {
    environment.put("SSL_CERT_FILE", temp.resolve("none.pem").toString());
    assertThat(fetch().resolve(VAE)).as("plain HTTP").hasContent("weights");
    start(new FakeHub(authority.server()));
    environment.put("HF_HOME", temp.resolve("other").toString());
    assertThatThrownBy(this::fetch)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("SSL_CERT_FILE=" + temp.resolve("none.pem"));
    Files.writeString(temp.resolve("none.pem"), "nothing");
    assertThatThrownBy(this::fetch).hasMessageContaining("no certificate in PEM or DER form");
  }

  @Test
  void switchesThatForbidTheNetwork() {
    for (String name :
        new String[] {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DIFFUSERS_OFFLINE"}) {
      Map<String, String> with = new HashMap<>(environment);
      with.put(name, "1");
      assertThatThrownBy(() -> fetch(with))
          .isInstanceOf(HubException.class)
          .hasMessageContaining("downloads are off; run once without " + name + ",");
    }
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void aTokenThatMayNotGoByItself() {
    environment.put("HF_TOKEN", "hf_secret");
    environment.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    fetch();
    assertThat(hub.requests).isNotEmpty().allMatch(r -> r.endsWith(" null"));
    environment.put("HF_HOME", temp.resolve("other").toString());
    hub.requiredToken = "hf_secret";
    assertThatThrownBy(this::fetch)
        .hasMessageContaining("HF_HUB_DISABLE_IMPLICIT_TOKEN keeps it from being sent")
        .hasMessageNotContaining("hf_secret");
  }

  @Test
  void theCacheIsWhereAVariableInAVariableSays() {
    environment.put("HOME", temp.toString());
    environment.put("HF_HOME", "~/hf");
    assertThat(fetch()).startsWith(temp.resolve("hf/hub/models--org--name"));
    int requests = hub.requests.size();
    environment.put("HF_HOME", "$HOME/hf");
    fetch();
    assertThat(hub.requests).hasSize(requests);
    assertThat(Path.of("~")).doesNotExist();
  }

  @Test
  void aHubThatDoesNotAnswer() throws IOException {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      environment.put("HF_ENDPOINT", "http://127.0.0.1:" + silent.getLocalPort());
      environment.put("HF_HUB_ETAG_TIMEOUT", "0.2");
      assertThatThrownBy(this::fetch)
          .isInstanceOf(HubException.class)
          .hasMessageContaining("failed 3 times")
          .hasMessageContaining("HttpTimeoutException");
    }
  }

  @Test
  void thePageOfANetworkIsNamed() {
    hub.answers.put("/api/models/org/name/revision/main", "<!DOCTYPE html><title>Log in</title>");
    assertThatThrownBy(this::fetch).hasMessageContaining("is an HTML page");
  }

  @Test
  void theReportSaysWhatApplies() {
    environment.put("HF_TOKEN", "hf_secret");
    environment.put("TRANSFORMERS_OFFLINE", "1");
    environment.put("ALL_PROXY", "http://u:secret@proxy:3128");
    environment.put("SSL_CERT_FILE", authority.certificate().toString());
    assertThat(HubReport.of(environment))
        .containsEntry("Model cache", temp.resolve("hf/hub") + ", not there yet")
        .containsEntry(
            "Hub", hub.url() + ", never asked: TRANSFORMERS_OFFLINE is set, token: HF_TOKEN")
        .containsEntry("Proxy", "http://proxy:3128 of ALL_PROXY, with a password")
        .containsEntry("Certificates", "Java's, and 1 of SSL_CERT_FILE=" + authority.certificate());
    environment.put("NO_PROXY", "127.0.0.1");
    environment.put("SSL_CERT_FILE", "/none.pem");
    environment.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    environment.put("TRANSFORMERS_OFFLINE", "");
    assertThat(HubReport.of(environment))
        .containsEntry(
            "Hub", hub.url() + ", token: HF_TOKEN, not sent: HF_HUB_DISABLE_IMPLICIT_TOKEN=1")
        .containsEntry("Proxy", "none for 127.0.0.1: NO_PROXY exempts it")
        .hasEntrySatisfying(
            "Certificates", text -> assertThat(text).startsWith("unusable: SSL_CERT_FILE="));
  }

  private Path fetch() {
    return fetch(environment);
  }

  private static Path fetch(Map<String, String> variables) {
    return new HubDownloader(
            variables,
            false,
            "",
            DownloadProgress.SILENT,
            new Retry(Duration.ofMillis(5), 3),
            folder -> Long.MAX_VALUE)
        .fetch(ID);
  }

  private void put(String name, String text) {
    hub.files.put(name, text.getBytes(StandardCharsets.UTF_8));
  }
}
