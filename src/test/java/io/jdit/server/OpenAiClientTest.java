package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.HttpResponse;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.images.ImageEditParams;
import com.openai.models.images.ImageGenStreamEvent;
import com.openai.models.images.ImageGenerateParams;
import com.openai.models.images.ImagesResponse;
import com.openai.models.videos.Video;
import com.openai.models.videos.VideoCreateParams;
import com.openai.models.videos.VideoDownloadContentParams;
import com.openai.models.videos.VideoRemixParams;
import com.openai.models.videos.VideoSeconds;
import com.openai.models.videos.VideoSize;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** The official client of OpenAI's interface, unchanged but for the address. */
@SuppressWarnings("deprecation") // OpenAI gives its video jobs up, local servers do not
@TestInstance(Lifecycle.PER_CLASS)
class OpenAiClientTest {
  private static final String PROMPT = "a large red circle on a blue background";
  private static final String KEY = "sk-test";

  @TempDir private static Path folder;
  private TestServer server;
  private OpenAIClient client;

  @BeforeAll
  void start() throws Exception {
    server =
        new TestServer(
            TestServer.settings(folder.resolve("out"), 64, List.of(KEY)),
            ServedModelsForTests.shapes(),
            ServedModelsForTests.fixture("qwen-image-edit-tiny"),
            ServedModelsForTests.fixture("wan21-t2v-tiny"));
    client = client(KEY);
  }

  private OpenAIClient client(String key) {
    return OpenAIOkHttpClient.builder()
        .baseUrl(server.url() + "/v1")
        .apiKey(key)
        .maxRetries(0)
        .build();
  }

  @AfterAll
  void stop() {
    client.close();
    server.close();
  }

  private ImageGenerateParams.Builder picture() {
    return ImageGenerateParams.builder()
        .prompt(PROMPT)
        .model("shapes")
        .responseFormat(ImageGenerateParams.ResponseFormat.B64_JSON)
        .outputFormat(ImageGenerateParams.OutputFormat.PNG)
        .putAdditionalBodyProperty("num_inference_steps", JsonValue.from(6));
  }

  private Picture picture(String base64) throws Exception {
    Path file = folder.resolve("picture");
    Files.write(file, Base64.getDecoder().decode(base64));
    return PictureReader.read(file);
  }

  @Test
  void drawsPictures() throws Exception {
    ImagesResponse response = client.images().generate(picture().n(2).build());
    assertThat(response.data().orElseThrow()).hasSize(2);
    for (var image : response.data().orElseThrow()) {
      assertThat(picture(image.b64Json().orElseThrow()).width()).isEqualTo(64);
    }
    assertThat(response.usage().orElseThrow().totalTokens()).isPositive();
    assertThat(response.outputFormat().orElseThrow().asString()).isEqualTo("png");
  }

  @Test
  void streamsPreviewsAndThePicture() throws Exception {
    client.images().generate(picture().build()); // previews learn from a picture
    ImagesResponse whole = client.images().generate(picture().build());
    int previews = 0;
    String completed = null;
    try (StreamResponse<ImageGenStreamEvent> stream =
        client.images().generateStreaming(picture().partialImages(2).build())) {
      for (ImageGenStreamEvent event : (Iterable<ImageGenStreamEvent>) stream.stream()::iterator) {
        if (event.isGenerationPartialImage()) {
          var partial = event.asGenerationPartialImage();
          assertThat(partial.partialImageIndex()).isEqualTo(previews++);
          assertThat(picture(partial.b64Json()).width()).isEqualTo(256);
        } else {
          var end = event.asGenerationCompleted();
          completed = end.b64Json();
          assertThat(end.usage().totalTokens()).isPositive();
          assertThat(end.size().asString()).isEqualTo("64x64");
        }
      }
    }
    assertThat(previews).isEqualTo(2);
    assertThat(completed).isEqualTo(whole.data().orElseThrow().get(0).b64Json().orElseThrow());
  }

  @Test
  void editsPictures() throws Exception {
    String photo =
        client.images().generate(picture().build()).data().orElseThrow().get(0).b64Json().get();
    ImagesResponse edited =
        client
            .images()
            .edit(
                ImageEditParams.builder()
                    .image(new ByteArrayInputStream(Base64.getDecoder().decode(photo)))
                    .prompt("make it night")
                    .model("qwen-image-edit-tiny")
                    .responseFormat(ImageEditParams.ResponseFormat.B64_JSON)
                    .putAdditionalBodyProperty("num_inference_steps", JsonValue.from("2"))
                    .putAdditionalBodyProperty("size", JsonValue.from("64x64"))
                    .build());
    assertThat(picture(edited.data().orElseThrow().get(0).b64Json().orElseThrow()).height())
        .isEqualTo(64);
  }

  @Test
  void makesVideosAsJobs() throws Exception {
    Video job = client.videos().create(video("a red fox").build());
    assertThat(job.status().asString()).isIn("queued", "in_progress");
    server.await(job.id());
    Video done = client.videos().retrieve(job.id());
    assertThat(done.status()).isEqualTo(Video.Status.COMPLETED);
    assertThat(done.progress()).isEqualTo(100);
    assertThat(done.completedAt()).isPresent();
    try (HttpResponse content = client.videos().downloadContent(job.id())) {
      byte[] bytes = content.body().readAllBytes();
      assertThat(new String(bytes, 4, 4, StandardCharsets.US_ASCII)).isEqualTo("ftyp");
    }
    try (HttpResponse content =
        client
            .videos()
            .downloadContent(
                VideoDownloadContentParams.builder()
                    .videoId(job.id())
                    .variant(VideoDownloadContentParams.Variant.SPRITESHEET)
                    .build())) {
      assertThat(content.headers().values("Content-Type").get(0)).isEqualTo("image/jpeg");
    }
    Video remix =
        client.videos().remix(job.id(), VideoRemixParams.builder().prompt("a blue fox").build());
    assertThat(remix.remixedFromVideoId()).contains(job.id());
    assertThat(client.videos().list().data()).extracting(Video::id).contains(job.id(), remix.id());
    server.await(remix.id());
    assertThat(client.videos().delete(job.id()).deleted()).isTrue();
    assertThatThrownBy(() -> client.videos().retrieve(job.id()))
        .isInstanceOf(NotFoundException.class);
  }

  private VideoCreateParams.Builder video(String prompt) {
    return VideoCreateParams.builder()
        .prompt(prompt)
        .model("wan21-t2v-tiny")
        .seconds(VideoSeconds.of("4"))
        .size(VideoSize.of("32x32"))
        .putAdditionalBodyProperty("num_frames", JsonValue.from("5"))
        .putAdditionalBodyProperty("num_inference_steps", JsonValue.from("2"));
  }

  @Test
  void listsModels() {
    assertThat(client.models().list().data())
        .extracting(m -> m.id())
        .containsExactly("shapes", "qwen-image-edit-tiny", "wan21-t2v-tiny");
    assertThatThrownBy(() -> client.models().retrieve("nothing"))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("model 'nothing' is not served here");
  }

  @Test
  void errorsAreTheClients() {
    assertThatThrownBy(() -> client.images().generate(picture().model("dall-e-3").build()))
        .isInstanceOf(BadRequestException.class)
        .hasMessageContaining("model 'dall-e-3' is not served here");
    OpenAIClient stranger = client("sk-other");
    assertThatThrownBy(() -> stranger.models().list())
        .isInstanceOf(UnauthorizedException.class)
        .hasMessageContaining("Authorization: Bearer");
    stranger.close();
  }
}
