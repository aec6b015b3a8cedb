package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.engine.serve.ServedModel;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.testing.Fixture;
import io.jdit.transformer.Acceleration;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/**
 * docs/serving.md: its curl lines run, at another address, on small models and with small sizes;
 * its tables name what there is.
 */
class ServingDocsTest {
  private static final Path PAGE = Path.of("docs", "serving.md");
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```sh\n(.*?)^```");

  /** A status that is an error ends the script. */
  private static final String START = "set -euo pipefail\ncurl() { command curl -sS -f \"$@\"; }\n";

  @TempDir private Path folder;

  private TestServer server() throws Exception {
    return new TestServer(
        TestServer.settings(folder.resolve("out")),
        ServedModelsForTests.shapes(),
        model("Qwen/Qwen-Image-Edit", "qwen-image-edit-tiny"),
        model("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "wan21-t2v-tiny"));
  }

  private static ServedModel model(String name, String fixture) {
    return ServedModelsForTests.of(
        name, Fixture.ROOT.resolve(fixture).resolve("pipeline"), Acceleration.none());
  }

  @Test
  void theCurlLinesRun() throws Exception {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(d -> Files.isExecutable(Path.of(d, "curl"))),
        "curl is not installed");
    PngWriter.write(
        folder.resolve("photo.png"), new Picture(64, 64, new byte[3 * 64 * 64]), Map.of());
    String script =
        BLOCK
            .matcher(Files.readString(PAGE))
            .results()
            .map(m -> m.group(1))
            .collect(Collectors.joining("\n"));
    assertThat(script.lines().filter(l -> l.contains("curl "))).hasSizeGreaterThan(15);
    try (TestServer server = server()) {
      String small =
          fewSteps(script)
              .replace("http://127.0.0.1:30000", server.url())
              .replaceAll("1024x1024", "64x64")
              .replaceAll("832x480|1280x720", "32x32")
              .replaceAll("(num_frames\\W+)\\d+", "$15")
              .replaceAll("(num_inference_steps\\W+)\\d+", "$12");
      assertThat(run(START + small)).as(Files.readString(folder.resolve("log"))).isZero();
      assertThat(List.of("picture.png", "video.mp4", "thumbnail.jpg"))
          .allSatisfy(f -> assertThat(folder.resolve(f)).isNotEmptyFile());
      assertThat(Files.readString(folder.resolve("events.txt")))
          .contains("event: image_generation.completed");
      for (String answer : List.of("answer.json", "edited.json", "b64.json", "edit.json")) {
        assertThat(JsonMapper.shared().readTree(folder.resolve(answer)).get("data").size())
            .as(answer)
            .isPositive();
      }
    }
  }

  /** Two steps where a line leaves them to the model. */
  private static String fewSteps(String script) {
    return script
        .lines()
        .map(
            l ->
                l.contains("num_inference_steps")
                    ? l
                    : l.replace("-d '{", "-d '{\"num_inference_steps\": 2, ")
                        .replace("-F \"size", "-F num_inference_steps=2 -F \"size"))
        .collect(Collectors.joining("\n"));
  }

  private int run(String script) throws IOException, InterruptedException {
    return new ProcessBuilder("bash", "-c", script)
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("log").toFile())
        .start()
        .waitFor();
  }

  @Test
  void theTablesNameWhatThereIs() throws Exception {
    String page = Files.readString(PAGE);
    try (TestServer server = server()) {
      for (String path :
          TestServer.json(server.get("/openapi.json")).get("paths").propertyNames()) {
        String shown = path.replaceAll("^(/v1/(?:tasks|videos)/\\{id})(/\\w+)$", "/{id}$2");
        assertThat(page.contains(path) || page.contains(shown)).as(path).isTrue();
      }
      server.post("/v1/images/generations", "{\"prompt\": \"x\", \"num_inference_steps\": 1}");
      Matcher metric =
          Pattern.compile("# TYPE (\\w+)").matcher(TestServer.text(server.get("/metrics")));
      while (metric.find()) {
        assertThat(page).contains("`" + metric.group(1) + "`");
      }
    }
    for (String field : ApiKeys.IMAGES.and(ApiKeys.SECONDS).names()) {
      assertThat(page).contains("`" + field + "`");
    }
  }
}
