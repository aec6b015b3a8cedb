package io.jdit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java example of the README: it compiles, runs, and is the text that stands there. */
class ReadmeExampleTest {
  @TempDir private Path folder;

  @Test
  void theExampleDrawsAPicture() throws Exception {
    example(folder.resolve("circle.png"));
    assertThat(folder.resolve("circle.png")).isNotEmptyFile();
  }

  // example
  private static void example(Path file) throws Exception {
    try (Engine engine = Engine.load(Path.of("models/shapes"), Strategies.cpu())) {
      Values request =
          Values.of(RequestKeys.PROMPT, "a red circle on a white background")
              .with(RequestKeys.SEED, BigInteger.valueOf(7))
              .with(RequestKeys.NUM_INFERENCE_STEPS, 28);
      try (Result result = engine.generate(request)) {
        Picture picture = result.pictures().get(0);
        PngWriter.write(file, picture, Map.of("prompt", result.request().prompt()));
      }
    }
  }

  // end

  @Test
  void theReadmeShowsThisCode() throws Exception {
    String source = Files.readString(Path.of("src/test/java/io/jdit/ReadmeExampleTest.java"));
    Matcher m =
        Pattern.compile("// example\n.*?\\{\n(.*?)\n  }\n\n  // end", Pattern.DOTALL)
            .matcher(source);
    assertThat(m.find()).isTrue();
    assertThat(Files.readString(Path.of("README.md")))
        .contains(m.group(1).indent(-4).stripTrailing());
  }
}
