package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.testing.FakeHub;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Repositories and snapshots as they exist: variants, sets without their parts, files gone. */
@Timeout(30)
class HubRepositoryTest {
  private static final HubId ID = HubId.parse("org/name").orElseThrow();

  @TempDir private Path temp;
  private FakeHub hub;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void start() throws IOException {
    hub = new FakeHub();
    environment.put("HF_HOME", temp.toString());
    environment.put("HF_ENDPOINT", hub.url());
    put(
        "model_index.json",
        """
        {"tokenizer": ["transformers", "CLIPTokenizer"],
         "text_encoder": ["transformers", "CLIPTextModel"],
         "vae": ["diffusers", "AutoencoderKL"]}
        """);
    put("generation_config.json", "{}");
    put("tokenizer/vocab.json", "{}");
    put("tokenizer/merges.txt", "#version: 0.2\n");
    put("tokenizer/tokenizer_config.json", "{}");
    put("text_encoder/config.json", "{}");
    put("vae/config.json", "{}");
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  private void weights(String... names) {
    for (String name : names) {
      put(name, "weights of " + name);
    }
  }

  @Test
  void theOnlyVariantIsTaken() throws IOException {
    weights("text_encoder/model.fp16.safetensors");
    weights("vae/diffusion_pytorch_model.fp16.safetensors");
    Path snapshot = fetch("");
    assertThat(weightsIn(snapshot))
        .containsExactly(
            "text_encoder/model.fp16.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors");
    hub.requests.clear();
    assertThat(fetch("")).isEqualTo(snapshot);
    assertThat(fetch("fp16")).isEqualTo(snapshot);
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void theWantedVariantIsTakenWhereAPartHasIt() throws IOException {
    weights("text_encoder/model.safetensors", "text_encoder/model.fp16.safetensors");
    weights("vae/diffusion_pytorch_model.safetensors");
    assertThat(weightsIn(fetch("fp16")))
        .containsExactly(
            "text_encoder/model.fp16.safetensors", "vae/diffusion_pytorch_model.safetensors");
    assertThat(weightsIn(fetch("")))
        .as("what the other choice needs is fetched too")
        .contains("text_encoder/model.safetensors");
  }

  @Test
  void aVariantInShards() throws IOException {
    weights("vae/diffusion_pytorch_model.fp16.safetensors");
    put(
        "text_encoder/model.safetensors.index.fp16.json",
        "{\"weight_map\": {\"a\": \"model.fp16-00001-of-00002.safetensors\", \"b\": \"model.fp16-00002-of-00002.safetensors\"}}");
    weights("text_encoder/model.fp16-00001-of-00002.safetensors");
    weights("text_encoder/model.fp16-00002-of-00002.safetensors");
    Path snapshot = fetch("");
    assertThat(weightsIn(snapshot)).hasSize(3);
    assertThat(snapshot.resolve("text_encoder/model.safetensors.index.fp16.json")).exists();
  }

  @Test
  void variantsAreRefusedBeforeTheDownload() {
    weights("text_encoder/model.fp16.safetensors", "text_encoder/model.bf16.safetensors");
    weights("vae/diffusion_pytorch_model.safetensors");
    assertThatThrownBy(() -> fetch(""))
        .hasMessageContaining("text_encoder has weights in the variants bf16, fp16 only")
        .hasMessageContaining("--model-variant");
    assertThatThrownBy(() -> fetch("int8"))
        .hasMessageContaining("no weights of the variant int8; its variants are bf16, fp16");
    assertNoWeightsWereFetched();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "README.md",
        "text_encoder/clip_l.safetensors",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
        "text_encoder/pytorch_model.bin"
      })
  void whatCannotBeLoadedIsRefusedBeforeTheDownload(String only) {
    weights(only, "vae/diffusion_pytorch_model.safetensors");
    assertThatThrownBy(() -> fetch(""))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("text_encoder/");
    assertNoWeightsWereFetched();
  }

  @Test
  void filesOfOtherProgramsAndDivisionsAreNoHindrance() throws IOException {
    weights("tokenizer/openvino_tokenizer.xml", "tokenizer/openvino_tokenizer.bin");
    weights("text_encoder/model-00001-of-00001.safetensors");
    weights("text_encoder/model-00002-of-00003.safetensors");
    put(
        "text_encoder/model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"model-00001-of-00001.safetensors\"}}");
    weights("vae/diffusion_pytorch_model.safetensors");
    assertThat(weightsIn(fetch(""))).contains("text_encoder/model-00001-of-00001.safetensors");
  }

  private void assertNoWeightsWereFetched() {
    assertThat(hub.requests).noneMatch(r -> r.contains(".safetensors"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "tokenizer/tokenizer_config.json",
        "generation_config.json",
        "vae/config.json",
        "model_index.json",
        "vae/diffusion_pytorch_model.safetensors"
      })
  void whatASnapshotLacksIsFetched(String gone) throws IOException {
    weights("text_encoder/model.safetensors", "vae/diffusion_pytorch_model.safetensors");
    Path snapshot = fetch("");
    Files.delete(snapshot.resolve(gone));
    environment.put("HF_HUB_OFFLINE", "1");
    assertThatThrownBy(() -> fetch("")).hasMessageContaining("missing: " + gone);
    environment.remove("HF_HUB_OFFLINE");
    assertThat(fetch("")).isEqualTo(snapshot);
    assertThat(snapshot.resolve(gone)).hasBinaryContent(hub.files.get(gone));
  }

  /** What another program fetched has no list of its files: loading decides. */
  @ParameterizedTest
  @ValueSource(strings = {"tokenizer/merges.txt", "tokenizer/vocab.json", "vae/config.json"})
  void whatLoadingNeedsIsFetchedIntoAnyonesSnapshot(String gone) throws IOException {
    weights("text_encoder/model.safetensors", "vae/diffusion_pytorch_model.safetensors");
    Path snapshot = fetch("");
    Files.delete(temp.resolve("hub/models--org--name/listings").resolve(FakeHub.COMMIT));
    hub.requests.clear();
    fetch("");
    assertThat(hub.requests).isEmpty();
    Files.delete(snapshot.resolve(gone));
    fetch("");
    assertThat(snapshot.resolve(gone)).hasBinaryContent(hub.files.get(gone));
  }

  @Test
  void anyonesSnapshotWithoutTheWantedVariantIsNotTaken() throws IOException {
    weights("text_encoder/model.safetensors", "vae/diffusion_pytorch_model.safetensors");
    fetch("");
    Files.delete(temp.resolve("hub/models--org--name/listings").resolve(FakeHub.COMMIT));
    weights("vae/diffusion_pytorch_model.fp16.safetensors");
    assertThat(weightsIn(fetch("fp16"))).contains("vae/diffusion_pytorch_model.fp16.safetensors");
  }

  private Path fetch(String variant) {
    return new HubDownloader(
            environment,
            false,
            variant,
            DownloadProgress.SILENT,
            new Retry(Duration.ofMillis(5), 3),
            folder -> Long.MAX_VALUE)
        .fetch(ID);
  }

  private static List<String> weightsIn(Path snapshot) throws IOException {
    try (Stream<Path> files = Files.walk(snapshot)) {
      return files
          .filter(f -> f.toString().endsWith(".safetensors"))
          .map(f -> snapshot.relativize(f).toString())
          .sorted()
          .toList();
    }
  }

  private void put(String name, String text) {
    hub.files.put(name, text.getBytes(StandardCharsets.UTF_8));
  }
}
