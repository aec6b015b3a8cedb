package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.testing.FakeHub;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(20)
class HubDownloaderTest {
  private static final HubId ID = HubId.parse("org/name").orElseThrow();
  private static final String VAE = "vae/diffusion_pytorch_model.safetensors";

  @TempDir Path temp;
  private FakeHub hub;
  private final Map<String, String> environment = new HashMap<>();
  private final Recorder progress = new Recorder();
  private long freeBytes = Long.MAX_VALUE;
  private String variant = "";

  @BeforeEach
  void startHub() throws IOException {
    hub = new FakeHub();
    environment.put("HF_HUB_CACHE", temp.resolve("hub").toString());
    environment.put("HF_HOME", temp.toString());
    environment.put("HF_ENDPOINT", hub.url());
    environment.put("HF_HUB_DOWNLOAD_TIMEOUT", "0.5");
    put(
        "model_index.json",
        """
        {"_class_name": "FluxPipeline", "image_encoder": [null, null],
         "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
         "tokenizer": ["transformers", "CLIPTokenizer"],
         "text_encoder": ["transformers", "T5EncoderModel"],
         "vae": ["diffusers", "AutoencoderKL"]}
        """);
    put("scheduler/scheduler_config.json", "{}");
    put("tokenizer/vocab.json", "{}");
    put("tokenizer/merges.txt", "#version: 0.2\n");
    put("text_encoder/config.json", "{}");
    put(
        "text_encoder/model.safetensors.index.json",
        """
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
        """);
    putRandom("text_encoder/model-00001-of-00002.safetensors", 1);
    putRandom("text_encoder/model-00002-of-00002.safetensors", 2);
    put("vae/config.json", "{}");
    putRandom(VAE, 3);
    putRandom("vae/diffusion_pytorch_model.fp16.safetensors", 4);
    put("vae/diffusion_pytorch_model.bin", "pickle");
    put("text_encoder/flax_model.msgpack", "flax");
    put("README.md", "text");
    putRandom("flux1-dev.safetensors", 5);
    put("unused_part/config.json", "{}");
    put("text_encoder/onnx/model.onnx", "onnx");
  }

  @AfterEach
  void stopHub() {
    hub.close();
  }

  @Test
  void downloadsWhatAPipelineNeedsInTheLayoutOfHuggingFaceHub() throws IOException {
    Path snapshot = downloader().fetch(ID);
    Path model = temp.resolve("hub/models--org--name");
    assertThat(snapshot).isEqualTo(model.resolve("snapshots").resolve(FakeHub.COMMIT));
    assertThat(model.resolve("refs/main")).hasContent(FakeHub.COMMIT);
    assertThat(relativeFiles(snapshot))
        .containsExactlyInAnyOrder(
            "model_index.json",
            "scheduler/scheduler_config.json",
            "tokenizer/vocab.json",
            "tokenizer/merges.txt",
            "text_encoder/config.json",
            "text_encoder/model.safetensors.index.json",
            "text_encoder/model-00001-of-00002.safetensors",
            "text_encoder/model-00002-of-00002.safetensors",
            "vae/config.json",
            VAE);
    for (String file : relativeFiles(snapshot)) {
      byte[] content = hub.files.get(file);
      assertThat(snapshot.resolve(file)).hasBinaryContent(content);
      Path target = Files.readSymbolicLink(snapshot.resolve(file));
      assertThat(target).isRelative();
      assertThat(snapshot.resolve(file).getParent().resolve(target).normalize())
          .isEqualTo(model.resolve("blobs").resolve(FakeHub.etag(file, content)));
    }
    assertThat(progress.finished).hasSize(10);
    assertThat(progress.present.get(VAE)).isEqualTo(hub.files.get(VAE).length);
  }

  @Test
  void completeSnapshotNeedsNoNetwork() {
    Path snapshot = downloader().fetch(ID);
    hub.requests.clear();
    assertThat(downloader().fetch(ID)).isEqualTo(snapshot);
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(downloader().fetch(ID)).isEqualTo(snapshot);
    assertThat(downloader().fetch(new HubId("org/name", FakeHub.COMMIT))).isEqualTo(snapshot);
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void fetchesOnlyTheFileThatIsGone() throws IOException {
    Path snapshot = downloader().fetch(ID);
    Files.delete(snapshot.resolve(VAE).toRealPath());
    hub.requests.clear();
    downloader().fetch(ID);
    assertThat(snapshot.resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
    assertThat(hub.requests.stream().filter(r -> r.startsWith("GET ") && !r.contains("/api/")))
        .hasSize(2)
        .allMatch(r -> r.contains(VAE));
  }

  @Test
  void offlineSaysWhatIsMissingAndWhere() throws IOException {
    Path snapshot = downloader().fetch(ID);
    Files.delete(snapshot.resolve(VAE));
    hub.requests.clear();
    environment.put("HF_HUB_OFFLINE", "true");
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/name")
        .hasMessageContaining(temp.resolve("hub").toString())
        .hasMessageContaining("missing: vae/diffusion_pytorch_model.safetensors")
        .hasMessageContaining("HF_HUB_OFFLINE");
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void resumesBrokenConnections() {
    hub.breaks.put("/" + VAE, new AtomicInteger(3));
    Path snapshot = downloader().fetch(ID);
    assertThat(snapshot.resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
    assertThat(hub.gets("/" + VAE).stream().filter(r -> r.contains("bytes="))).isNotEmpty();
  }

  @Test
  void resumesAPartialFileOfAnEarlierRun() throws IOException {
    byte[] content = hub.files.get(VAE);
    Path partial =
        temp.resolve("hub/models--org--name/blobs")
            .resolve(FakeHub.etag(VAE, content) + ".incomplete");
    Files.createDirectories(partial.getParent());
    Files.write(partial, Arrays.copyOf(content, 1234));
    Path snapshot = downloader().fetch(ID);
    assertThat(snapshot.resolve(VAE)).hasBinaryContent(content);
    assertThat(hub.gets("/" + VAE)).anyMatch(r -> r.contains("bytes=1234-"));
    assertThat(partial).doesNotExist();
  }

  @Test
  void startsAgainWhereTheServerIgnoresRange() {
    hub.ignoreRange = true;
    hub.breaks.put("/" + VAE, new AtomicInteger(1));
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
  }

  @Test
  void replacesADamagedPartialFile() throws IOException {
    byte[] content = hub.files.get(VAE);
    Path partial =
        temp.resolve("hub/models--org--name/blobs")
            .resolve(FakeHub.etag(VAE, content) + ".incomplete");
    Files.createDirectories(partial.getParent());
    Files.write(partial, new byte[content.length]);
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(content);
  }

  @Test
  void wakesUpFromASilentServer() {
    hub.stalled = "/" + VAE;
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
  }

  @Test
  void refusesContentsOfAnotherChecksum() {
    hub.damaged = true;
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("model_index.json: checksum mismatch");
    assertThat(temp.resolve("hub/models--org--name/refs/main")).doesNotExist();
  }

  @Test
  void comesBackWhenTheHubIsBusy() {
    hub.failures.put(
        "/api/models/org/name/revision/main", new CopyOnWriteArrayList<>(List.of(429, 503)));
    hub.failures.put("/" + VAE, new CopyOnWriteArrayList<>(List.of(500)));
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
  }

  @Test
  void givesUpOnAHubThatStaysBusy() {
    hub.failures.put(
        "/api/models/org/name/revision/main",
        new CopyOnWriteArrayList<>(List.of(500, 500, 500, 500, 500)));
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("failed 4 times")
        .hasMessageContaining("HTTP 500")
        .hasMessageContaining(hub.url());
  }

  @Test
  void tokenGoesToTheEndpointOnly() throws IOException {
    hub.requiredToken = "hf_secret";
    Files.writeString(temp.resolve("token"), "hf_secret\n");
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
    assertThat(hub.gets("/" + VAE).stream().filter(r -> !r.contains("/resolve/")))
        .isNotEmpty()
        .allMatch(r -> r.endsWith(" null"));
    assertThat(hub.gets("/resolve/")).isNotEmpty().allMatch(r -> r.endsWith("Bearer hf_secret"));
  }

  @Test
  void explainsAGatedModel() {
    hub.requiredToken = "hf_secret";
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining(hub.url() + "/org/name")
        .hasMessageContaining("HF_TOKEN (not set now)");
    environment.put("HF_TOKEN", "wrong");
    assertThatThrownBy(() -> downloader().fetch(ID))
        .hasMessageContaining("the one set now has no access");
  }

  @Test
  void explainsAnUnknownModel() {
    assertThatThrownBy(() -> downloader().fetch(HubId.parse("org/other").orElseThrow()))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/other is not at " + hub.url())
        .hasMessageContaining("did you mean a local folder?");
  }

  @Test
  void explainsAnUnreachableHub() {
    hub.close();
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("ConnectException")
        .hasMessageContaining("HTTPS_PROXY");
  }

  @Test
  void refusesADiskThatIsTooSmall() {
    freeBytes = 50_000;
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("needs 0.0 GB more")
        .hasMessageContaining("HF_HUB_CACHE");
  }

  @Test
  void refusesARepositoryWithoutSafetensors() {
    hub.files.keySet().removeIf(name -> name.startsWith("vae/") && name.endsWith("safetensors"));
    assertThatThrownBy(() -> downloader().fetch(ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("vae/diffusion_pytorch_model.bin is no safetensors file");
  }

  @Test
  void refusesARepositoryThatIsNoPipeline() {
    hub.files.remove("model_index.json");
    assertThatThrownBy(() -> downloader().fetch(ID))
        .hasMessageContaining("org/name is not a diffusers pipeline");
  }

  @Test
  void namesOutsideTheSnapshotAreNotFetched() {
    put("../../escape.json", "{}");
    put("vae/../../../escape.json", "{}");
    downloader().fetch(ID);
    assertThat(hub.requests).noneMatch(r -> r.contains("escape"));
  }

  @Test
  void asksTheProxyForAHostThatIsNotThere() {
    environment.put("HF_ENDPOINT", "http://hub.invalid");
    environment.put("HTTP_PROXY", hub.url());
    // The proxy gets the path, finds the API, and the files of the storage host through NO_PROXY.
    environment.put("NO_PROXY", "127.0.0.1");
    assertThat(downloader().fetch(ID).resolve(VAE)).hasBinaryContent(hub.files.get(VAE));
  }

  @Test
  void twoDownloadersShareOneDownload() throws Exception {
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Thread thread = new Thread(() -> downloader().fetch(ID));
      thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    assertThat(hub.gets("/" + VAE).stream().filter(r -> !r.contains("/resolve/"))).hasSize(1);
  }

  @Test
  void interruptionEndsTheDownload() throws Exception {
    hub.stalled = "/" + VAE;
    environment.put("HF_HUB_DOWNLOAD_TIMEOUT", "30");
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    Thread thread = new Thread(() -> downloader().fetch(ID));
    thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
    thread.start();
    while (!hub.stalled.isEmpty()) {
      Thread.sleep(5);
    }
    thread.interrupt();
    thread.join(2000);
    assertThat(thread.isAlive()).isFalse();
    assertThat(failures).hasSize(1);
    assertThat(failures.get(0))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("interrupted");
  }

  private HubDownloader downloader() {
    return new HubDownloader(
        environment,
        false,
        variant,
        progress,
        new Retry(Duration.ofMillis(5), 4),
        folder -> freeBytes);
  }

  private void put(String name, String text) {
    hub.files.put(name, text.getBytes(StandardCharsets.UTF_8));
  }

  private void putRandom(String name, long seed) {
    byte[] content = new byte[40_000];
    new Random(seed).nextBytes(content);
    hub.files.put(name, content);
  }

  private static List<String> relativeFiles(Path folder) throws IOException {
    try (var files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).map(f -> folder.relativize(f).toString()).toList();
    }
  }

  private static final class Recorder implements DownloadProgress {
    final Map<String, Long> present = new ConcurrentHashMap<>();
    final List<String> finished = new CopyOnWriteArrayList<>();

    @Override
    public void started(String file, long bytes, long total) {
      present.put(file, bytes);
    }

    @Override
    public void advanced(String file, long bytes) {
      present.put(file, bytes);
    }

    @Override
    public void finished(String file) {
      finished.add(file);
    }
  }
}
