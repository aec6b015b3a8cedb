package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.engine.ModelLocator;
import io.jdit.testing.FakeHub;
import io.jdit.testing.Fixture;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model by its hub name: downloaded once, then found in the cache. */
class HubModelTest {
  @TempDir private Path folder;

  @Test
  void aModelOnTheHubIsDownloadedOnceAndThenUsedOffline() throws IOException {
    Path source = Fixture.ROOT.resolve("flux1-schnell-tiny/pipeline");
    try (FakeHub hub = new FakeHub();
        Stream<Path> files = Files.walk(source)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        hub.files.put(source.relativize(file).toString(), Files.readAllBytes(file));
      }
      StringWriter printed = new StringWriter();
      Terminal terminal =
          new Terminal(
              new PrintWriter(printed), new PrintWriter(printed, true), false, false, 80, false);
      Map<String, String> environment =
          Map.of("HF_ENDPOINT", hub.url(), "HF_HOME", folder.toString());
      Path found =
          ModelLocator.locate(
              "org/name", null, null, false, environment, new DownloadDisplay(terminal));
      assertThat(printed.toString())
          .contains("downloading transformer/diffusion_pytorch_model.safetensors");
      int requests = hub.requests.size();
      assertThat(
              ModelLocator.locate(
                  "org/name", null, null, true, environment, new DownloadDisplay(terminal)))
          .isEqualTo(found);
      assertThat(hub.requests).hasSize(requests);

      CommandLineRun run =
          CommandLineRun.of(
              List.of(
                      "generate",
                      "--model-path",
                      found.toString(),
                      "--prompt",
                      "a fox",
                      "--num-inference-steps",
                      "1",
                      "--height",
                      "64",
                      "--width",
                      "64",
                      "--max-sequence-length",
                      "24",
                      "--device",
                      "cpu",
                      "--output-path",
                      folder.resolve("out").toString())
                  .toArray(String[]::new));
      assertThat(run.err()).contains("FluxPipeline");
      assertThat(run.exitCode()).isZero();
    }
  }
}
