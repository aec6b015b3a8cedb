package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.media.PictureReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Fields, statuses and error bodies of the routes. */
@TestInstance(Lifecycle.PER_CLASS)
class RoutesTest {
  private static final String PROMPT = "\"prompt\": \"a small green square\", ";
  private static final String FAST = PROMPT + "\"num_inference_steps\": 2, ";

  @TempDir private static Path folder;
  private TestServer server;

  @BeforeAll
  void start() throws Exception {
    server =
        new TestServer(
            TestServer.settings(folder),
            ServedModelsForTests.shapes(),
            ServedModelsForTests.fixture("wan21-t2v-tiny"));
  }

  @AfterAll
  void stop() {
    server.close();
  }

  private HttpResponse<byte[]> draw(String fields) throws Exception {
    return server.post("/v1/images/generations", "{" + fields + "\"seed\": 5}");
  }

  @Test
  void theAnswerHasTheFieldsOfBothInterfaces() throws Exception {
    HttpResponse<byte[]> response = draw(FAST);
    assertThat(response.statusCode()).isEqualTo(200);
    JsonNode json = TestServer.json(response);
    assertThat(json.propertyNames())
        .contains("id", "created", "data", "usage", "peak_memory_mb", "inference_time_s");
    JsonNode image = json.get("data").get(0);
    assertThat(image.propertyNames()).contains("url", "revised_prompt", "file_path");
    HttpResponse<byte[]> file = server.get(image.get("url").stringValue());
    assertThat(file.headers().firstValue("Content-Type")).contains("image/jpeg");
    assertThat(file.body())
        .isEqualTo(Files.readAllBytes(Path.of(image.get("file_path").stringValue())));
    assertThat(json.get("timings_ms").propertyNames())
        .contains("text_encode", "denoise", "decode", "save");
    assertThat(json.get("steps_ms").size()).isEqualTo(2);
  }

  @Test
  void severalPicturesAreVariants() throws Exception {
    JsonNode json = TestServer.json(draw(FAST + "\"n\": 2, \"output_format\": \"png\", "));
    assertThat(json.get("data").size()).isEqualTo(2);
    String second = json.get("data").get(1).get("url").stringValue();
    assertThat(second).endsWith("/content?variant=1");
    HttpResponse<byte[]> file = server.get(second);
    assertThat(file.headers().firstValue("Content-Type")).contains("image/png");
    assertThat(server.get(second.replace("=1", "=2")).statusCode()).isEqualTo(404);
  }

  @Test
  void theSameRequestIsTheSamePicture() throws Exception {
    String fields = FAST + "\"response_format\": \"b64_json\", \"output_format\": \"png\", ";
    JsonNode a = TestServer.json(draw(fields)).get("data").get(0);
    JsonNode b = TestServer.json(draw(fields)).get("data").get(0);
    assertThat(a.propertyNames()).doesNotContain("url");
    Path file = folder.resolve("same.png");
    Files.write(file, Base64.getDecoder().decode(a.get("b64_json").stringValue()));
    byte[] pixels = PictureReader.read(file).rgb();
    Files.write(file, Base64.getDecoder().decode(b.get("b64_json").stringValue()));
    assertThat(PictureReader.read(file).rgb()).isEqualTo(pixels);
  }

  @Test
  void aListOfSeedsMakesAnOutputForEach() throws Exception {
    String fields =
        "{" + FAST + "\"response_format\": \"b64_json\", \"output_format\": \"png\", \"seed\": %s}";
    JsonNode both =
        TestServer.json(server.post("/v1/images/generations", fields.formatted("[5, 6]")));
    assertThat(both.get("data").size()).isEqualTo(2);
    for (int i = 0; i < 2; i++) {
      JsonNode one =
          TestServer.json(server.post("/v1/images/generations", fields.formatted(5 + i)));
      byte[] alone = pixels(one.get("data").get(0));
      byte[] listed = pixels(both.get("data").get(i));
      for (int p = 0; p < alone.length; p++) { // they shared their steps: rounding
        assertThat(Math.abs((alone[p] & 255) - (listed[p] & 255))).isLessThanOrEqualTo(1);
      }
    }
    String id = both.get("id").stringValue();
    JsonNode task = TestServer.json(server.get("/v1/tasks/" + id));
    assertThat(task.at("/settings/seed").toString()).isEqualTo("[5,6]");
    assertThat(task.at("/request/seed").toString()).isEqualTo("[\"5\",\"6\"]");
    assertThat(task.get("urls").size()).isEqualTo(2);
  }

  private static byte[] pixels(JsonNode image) throws Exception {
    Path file = folder.resolve("pixels.png");
    Files.write(file, Base64.getDecoder().decode(image.get("b64_json").stringValue()));
    return PictureReader.read(file).rgb();
  }

  @Test
  void seedsOfAFormAndWithACacheAndOfVideos() throws Exception {
    JsonNode cached =
        TestServer.json(
            server.post(
                "/v1/images/generations",
                "{" + FAST + "\"enable_cache_dit\": true, \"n\": 2, \"seed\": [1, 2]}"));
    assertThat(cached.get("data").size()).isEqualTo(2);
    String part = "--x\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n";
    String form =
        part.formatted("prompt", "a red fox")
            + part.formatted("size", "32x32")
            + part.formatted("num_frames", "5")
            + part.formatted("num_inference_steps", "2")
            + part.formatted("seed", "1, 2,3")
            + "--x--\r\n";
    JsonNode job =
        TestServer.json(
            server.send(
                HttpRequest.newBuilder(URI.create(server.url() + "/v1/videos"))
                    .header("Content-Type", "multipart/form-data; boundary=x")
                    .POST(HttpRequest.BodyPublishers.ofString(form))));
    JsonNode done = server.await(job.get("id").stringValue());
    assertThat(done.get("status").stringValue()).isEqualTo("completed");
    assertThat(done.get("urls").size()).isEqualTo(3);
    byte[] last = server.get(done.get("urls").get(2).stringValue()).body();
    assertThat(last).isNotEqualTo(server.get(done.get("urls").get(0).stringValue()).body());
  }

  @Test
  void picturesMayBeWebp() throws Exception {
    JsonNode json =
        TestServer.json(draw(FAST + "\"output_format\": \"webp\", \"output_compression\": 95, "));
    assertThat(json.get("output_format").stringValue()).isEqualTo("webp");
    HttpResponse<byte[]> file = server.get(json.get("data").get(0).get("url").stringValue());
    assertThat(file.headers().firstValue("Content-Type")).contains("image/webp");
    Path webp = Files.write(folder.resolve("picture.webp"), file.body());
    byte[] lossy = PictureReader.read(webp).rgb();
    byte[] exact =
        pixels(
            TestServer.json(
                    draw(FAST + "\"output_format\": \"png\", \"response_format\": \"b64_json\", "))
                .get("data")
                .get(0));
    double sum = 0;
    for (int i = 0; i < exact.length; i++) {
      int difference = (exact[i] & 255) - (lossy[i] & 255);
      sum += difference * difference;
    }
    assertThat(10 * Math.log10(255 * 255 / (sum / exact.length))).isGreaterThan(25);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}|422|prompt: a prompt is required",
        "[1]|422|expected a JSON object",
        "{\"prompt\": |422|the body is not JSON",
        "{\"prompt\": 3}|422|prompt: expected a text, found 3",
        "{\"prompt\": \"x\", \"n\": \"two\"}|422|n: expected an integer, found text 'two'",
        "{\"prompt\": \"x\", \"n\": 3, \"seed\": [1, 2]}|400|seed: 2 seeds for n = 3",
        "{\"prompt\": \"x\", \"seed\": [1, \"a\"]}|422|or a list, found",
        "{\"prompt\": \"x\", \"seed\": []}|422|or a list, found",
        "{\"prompt\": \"x\", \"seed\": [1,2,3,4,5,6,7,8,9,10,11]}|400|at most 10, found 11",
        "{\"prompt\": \"x\", \"size\": \"big\"}|400|size: expected WIDTHxHEIGHT such as 1024x1024",
        "{\"prompt\": \"x\", \"size\": \"65x64\"}|400|width 65 is not a multiple of 8",
        "{\"prompt\": \"x\", \"size\": \"4096x4096\"}|400|this server takes at most 1048576",
        "{\"prompt\": \"x\", \"num_inference_steps\": 0}|422|expected an integer >= 1",
        "{\"prompt\": \"x\", \"num_inference_steps\": 5000}|400|this server takes at most 2000",
        "{\"prompt\": \"x\", \"promt\": \"y\"}|400|unknown field 'promt'; did you mean 'prompt'?",
        "{\"prompt\": \"x\", \"model\": \"y\"}|400|model 'y' is not served here; there are [shapes",
        "{\"prompt\": \"x\", \"model\": \"wan21-t2v-tiny\"}|400|makes videos: use /v1/videos",
        "{\"prompt\": \"x\", \"response_format\": \"gif\"}|422|expected one of url, b64_json",
        "{\"prompt\": \"x\", \"partial_images\": 4}|422|expected an integer from 0 to 3",
        "{\"prompt\": \"x\", \"enable_teacache\": true}|400|enable_teacache is not available here",
        "{\"prompt\": \"x\", \"image_path\": \"/etc/passwd\"}|400|image_path is not available here",
        "{\"prompt\": \"x\", \"output_path\": \"/tmp\"}|400|output_path is not available here",
        "{\"prompt\": \"x\", \"num_frames\": 9}|400|num_frames is no parameter of FluxPipeline",
        "{\"prompt\": \"x\", \"cache_dit_params\": {}}|400|needs enable_cache_dit: true",
        "{\"prompt\": \"x\", \"enable_cache_dit\": true, \"cache_dit_params\": {\"Fx\": 1}}"
            + "|400|unknown key 'Fx'",
        "{\"prompt\": \"x\", \"cache_quality\": \"hd\"}|422|one of lossless, extra-high, high, draft",
        "{\"prompt\": \"x\", \"cache_quality\": \"high\", \"enable_cache_dit\": true}"
            + "|400|cache_quality chooses the cache by itself",
        "{\"prompt\": \"x\", \"image\": \"file:///etc/passwd\"}|400|expected a file, a data URL",
        "{\"prompt\": \"x\", \"image\": \"http://127.0.0.1/\"}|400|fetches no addresses",
        "{\"prompt\": \"x\", \"image\": \"data:image/png;base64,AAAA\"}|400|picture 1: not a picture",
      })
  void whatCannotBeDrawnIsSaid(String body, int status, String message) throws Exception {
    HttpResponse<byte[]> response = server.post("/v1/images/generations", body);
    assertThat(response.statusCode()).as(TestServer.text(response)).isEqualTo(status);
    JsonNode json = TestServer.json(response);
    JsonNode detail = json.get("detail");
    assertThat(status == 422 ? detail.get(0).get("msg").stringValue() : detail.stringValue())
        .contains(message);
    assertThat(json.get("error").get("message").stringValue()).contains(message);
    assertThat(json.get("error").get("type").stringValue()).isEqualTo("invalid_request_error");
  }

  @Test
  void namesWithoutEffectAreSaid() throws Exception {
    JsonNode json =
        TestServer.json(
            draw(
                FAST
                    + "\"user\": \"me\", \"background\": \"transparent\","
                    + " \"enable_teacache\": false, "));
    assertThat(json.get("notes").toString())
        .contains("user has no effect")
        .contains("the picture is opaque")
        .doesNotContain("teacache");
    assertThat(json.get("output_format").stringValue()).isEqualTo("png");
  }

  @Test
  void aRequestMayHaveACacheOfItsOwn() throws Exception {
    JsonNode json =
        TestServer.json(
            draw(
                PROMPT
                    + "\"num_inference_steps\": 12, \"enable_cache_dit\": true,"
                    + " \"cache_dit_params\": {\"max_warmup_steps\": 2,"
                    + " \"residual_diff_threshold\": 0.8}, "));
    assertThat(json.get("cached_steps").get(0).get("cached_steps").size()).isPositive();
    assertThat(TestServer.json(draw(FAST)).get("cached_steps").isNull()).isTrue();
  }

  @Test
  void aRequestMayAskForAQuality() throws Exception {
    JsonNode draft =
        TestServer.json(
            draw(PROMPT + "\"num_inference_steps\": 28, \"cache_quality\": \"draft\", "));
    assertThat(draft.get("cached_steps").get(0).get("cached_steps").size()).isPositive();
    JsonNode lossless =
        TestServer.json(
            draw(PROMPT + "\"num_inference_steps\": 28, \"cache_quality\": \"lossless\", "));
    assertThat(lossless.get("cached_steps").isNull()).isTrue();
  }

  @Test
  void aSizeOfNothingIsABadRequest() throws Exception {
    HttpResponse<byte[]> response = draw(PROMPT + "\"size\": \"0x64\", ");
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(TestServer.text(response))
        .contains("size: expected WIDTHxHEIGHT such as 1024x1024, or auto, found '0x64'");
  }

  @Test
  void videoErrorsAreBadRequests() throws Exception {
    assertThat(server.post("/v1/videos", "{}").statusCode()).isEqualTo(400);
    assertThat(server.post("/v1/videos", "{\"prompt\": 3}").statusCode()).isEqualTo(400);
    assertThat(
            TestServer.text(
                server.post(
                    "/v1/videos",
                    "{\"prompt\": \"a\", \"fps\": 2000000000, \"seconds\": \"600\"}")))
        .contains("num_frames");
    assertThat(server.get("/v1/videos/none").statusCode()).isEqualTo(404);
    assertThat(server.get("/v1/videos?limit=0").statusCode()).isEqualTo(400);
    assertThat(server.get("/v1/videos?order=up").statusCode()).isEqualTo(400);
  }

  @Test
  void aVideoIsAJob() throws Exception {
    String body =
        "{\"prompt\": \"a red fox\", \"size\": \"32x32\", \"num_frames\": 5,"
            + " \"num_inference_steps\": %d}";
    JsonNode job = TestServer.json(server.post("/v1/videos", body.formatted(2)));
    assertThat(job.propertyNames())
        .contains(
            "id",
            "object",
            "model",
            "status",
            "progress",
            "created_at",
            "size",
            "seconds",
            "quality",
            "url",
            "remixed_from_video_id",
            "completed_at",
            "expires_at",
            "error",
            "num_outputs",
            "peak_memory_mb",
            "inference_time_s");
    String id = job.get("id").stringValue();
    server.await(id);
    assertThat(server.get("/v1/videos/" + id + "/content").headers().firstValue("Content-Type"))
        .contains("video/mp4");
    assertThat(server.get("/v1/videos/" + id + "/content?variant=thumbnail").statusCode())
        .isEqualTo(200);
    assertThat(server.get("/v1/videos/" + id + "/content?variant=poster").statusCode())
        .isEqualTo(400);
    JsonNode list = TestServer.json(server.get("/v1/videos?limit=1"));
    assertThat(list.get("data").size()).isEqualTo(1);

    JsonNode slow = TestServer.json(server.post("/v1/videos", body.formatted(2000)));
    String slowId = slow.get("id").stringValue();
    assertThat(server.get("/v1/videos/" + slowId + "/content").statusCode()).isEqualTo(404);
    server.post("/v1/videos/" + slowId + "/cancel", "");
    assertThat(server.await(slowId).get("status").stringValue()).isEqualTo("cancelled");

    HttpResponse<byte[]> sync = server.post("/v1/videos/sync", body.formatted(2));
    assertThat(new String(sync.body(), 4, 4, StandardCharsets.US_ASCII)).isEqualTo("ftyp");
    assertThat(server.delete("/v1/videos/" + id).statusCode()).isEqualTo(200);
    assertThat(server.get("/v1/videos/" + id).statusCode()).isEqualTo(404);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(f -> f.getFileName().toString())).noneMatch(n -> n.startsWith(id));
    }
  }

  @Test
  void aTaskTellsItsProgress() throws Exception {
    HttpResponse<byte[]> accepted =
        server.post("/v1/tasks/image", "{" + PROMPT + "\"num_inference_steps\": 10}");
    assertThat(accepted.statusCode()).isEqualTo(202);
    String id = TestServer.json(accepted).get("id").stringValue();
    String events = TestServer.text(server.get("/v1/tasks/" + id + "/events"));
    assertThat(events).contains("event: progress").contains("\"step\":10").contains("event: end");
    JsonNode task = TestServer.json(server.get("/v1/tasks/" + id));
    assertThat(task.get("status").stringValue()).isEqualTo("completed");
    assertThat(task.get("settings").get("num_inference_steps").intValue()).isEqualTo(10);
    assertThat(server.get(task.get("urls").get(0).stringValue()).statusCode()).isEqualTo(200);
    assertThat(TestServer.text(server.get("/v1/tasks?limit=3"))).contains(id);
  }

  @Test
  void theServiceTellsOfItself() throws Exception {
    for (String path :
        List.of(
            "/health",
            "/health_generate",
            "/liveness",
            "/server_info",
            "/model_info",
            "/v1/model_info",
            "/models",
            "/stats",
            "/v1/models")) {
      assertThat(server.get(path).statusCode()).as(path).isEqualTo(200);
    }
    JsonNode model = TestServer.json(server.get("/v1/models/shapes"));
    assertThat(model.get("parameters").toString()).contains("num_inference_steps", "minimum");
    draw(FAST);
    String metrics = TestServer.text(server.get("/metrics"));
    assertThat(metrics)
        .contains("jdit_requests_total{model=\"shapes\",status=\"completed\"}")
        .contains("jdit_num_queue_reqs 0.0")
        .contains("jdit_request_latency_seconds_count");
  }

  @Test
  void modelsAreLoadedAndUnloaded() throws Exception {
    String model = "/v1/models/wan21-t2v-tiny";
    server.post("/v1/load/wan21-t2v-tiny", "");
    assertThat(TestServer.json(server.get(model)).get("loaded").booleanValue()).isTrue();
    assertThat(server.post("/v1/unload/wan21-t2v-tiny", "").statusCode()).isEqualTo(200);
    assertThat(TestServer.json(server.get(model)).get("loaded").booleanValue()).isFalse();
    assertThat(server.post("/v1/load/none", "").statusCode()).isEqualTo(404);
  }

  @Test
  void theDocumentHasEveryRouteAndField() throws Exception {
    JsonNode document = TestServer.json(server.get("/openapi.json"));
    JsonNode paths = document.get("paths");
    assertThat(paths.propertyNames())
        .contains("/v1/images/generations", "/v1/videos/{id}/content", "/v1/models/{id}");
    JsonNode fields =
        paths
            .at("/~1v1~1images~1generations/post/requestBody/content")
            .get("application/json")
            .get("schema")
            .get("properties");
    assertThat(fields.propertyNames())
        .contains("prompt", "num_inference_steps", "size", "partial_images")
        .doesNotContain("image_path", "seconds");
    assertThat(fields.at("/partial_images/maximum").intValue()).isEqualTo(3);
    for (String path : paths.propertyNames()) {
      for (String method : paths.get(path).propertyNames()) {
        String url = path.replace("{id}", "none");
        HttpResponse<byte[]> response =
            switch (method) {
              case "get" -> server.get(url);
              case "delete" -> server.delete(url);
              default -> server.post(url, "{}");
            };
        // Each is there: what it says is its own, not the router's.
        assertThat(TestServer.text(response)).as(method + " " + path).doesNotContain("Not Found");
        assertThat(response.statusCode()).as(method + " " + path).isNotEqualTo(405);
      }
    }
  }

  @Test
  void severalPicturesInOneEnvelope() throws Exception {
    JsonNode json =
        TestServer.json(
            server.post(
                "/vertex_generate",
                "{\"instances\": [{\"prompt\": \"a red circle\"}, {\"prompt\": \"a blue ring\"}],"
                    + " \"parameters\": {\"num_inference_steps\": 2}}"));
    assertThat(json.get("predictions").size()).isEqualTo(2);
    assertThat(json.get("predictions").get(0).get("mimeType").stringValue()).isEqualTo("image/png");
    assertThat(server.post("/vertex_generate", "{}").statusCode()).isEqualTo(422);
  }

  @Test
  void adaptersAreNotThereYet() throws Exception {
    for (String path :
        List.of("/v1/set_lora", "/v1/merge_lora_weights", "/v1/unmerge_lora_weights")) {
      assertThat(server.post(path, "{}").statusCode()).isEqualTo(501);
    }
    assertThat(server.get("/v1/list_loras").statusCode()).isEqualTo(501);
    assertThat(server.post("/v1/images/variations", "{}").statusCode()).isEqualTo(501);
  }

  @Test
  void unknownRoutesAndMethodsAreJson() throws Exception {
    HttpResponse<byte[]> missing = server.get("/v1/nothing");
    assertThat(missing.statusCode()).isEqualTo(404);
    assertThat(TestServer.json(missing).get("error").get("code").stringValue())
        .isEqualTo("not_found");
    assertThat(server.delete("/v1/images/generations").statusCode()).isEqualTo(405);
    for (String path :
        List.of("/v1/images/..%2f..%2fjobs/content", "/%2e%2e/%2e%2e/etc/passwd", "/jobs/")) {
      assertThat(server.get(path).statusCode()).as(path).isIn(400, 404);
    }
  }

  @Test
  void aBodyHasALimit() throws Exception {
    String large = "{\"prompt\": \"" + "x".repeat(5 << 20) + "\"}";
    HttpResponse<byte[]> response =
        server.send(
            HttpRequest.newBuilder(URI.create(server.url() + "/v1/images/generations"))
                .POST(HttpRequest.BodyPublishers.ofString(large)));
    assertThat(response.statusCode()).isEqualTo(413);
    assertThat(TestServer.text(response)).contains("which is this server's limit");
  }
}
