package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.engine.Engine;
import io.jdit.family.Families;
import io.jdit.media.OutputKind;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.testing.Fixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * README's table of models: every class that is there has a row, and the command of each row runs,
 * with a small pipeline of that class in place of the published one, and with the cache.
 */
class ReadmeModelsTest {
  private static final Pattern ROW =
      Pattern.compile("\\| ([^|]+) \\| ([^|]+) \\| `(\\w+Pipeline)` \\| `([^`]+)` \\|");
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");

  @TempDir private Path folder;

  private record Row(String family, String pipelineClass, String command) {
    @Override
    public String toString() {
      return family;
    }
  }

  static List<Row> rows() throws IOException {
    List<Row> rows = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("README.md"))) {
      Matcher m = ROW.matcher(line);
      if (m.matches()) {
        rows.add(new Row(m.group(1), m.group(3), m.group(4)));
      }
    }
    return rows;
  }

  @Test
  void everyClassHasARow() throws IOException {
    assertThat(rows().stream().map(Row::pipelineClass))
        .containsExactlyInAnyOrderElementsOf(Families.classNames());
  }

  /** A pipeline of each class, the smallest name first. */
  private static Map<String, Path> pipelines() throws IOException {
    Map<String, Path> found = new TreeMap<>();
    try (Stream<Path> fixtures = Files.list(Fixture.ROOT)) {
      for (Path fixture : fixtures.sorted().toList()) {
        Path pipeline = fixture.resolve("pipeline");
        if (Files.exists(pipeline.resolve("model_index.json"))) {
          found.putIfAbsent(ModelFolder.open(pipeline).className(), pipeline);
        }
      }
    }
    return found;
  }

  @ParameterizedTest
  @MethodSource("rows")
  void theCommandRuns(Row row) throws IOException {
    Path pipeline = pipelines().get(row.pipelineClass);
    assertThat(pipeline).as("a small %s", row.pipelineClass).isNotNull();
    byte[] rgb = new byte[3 * 80 * 80];
    Arrays.fill(rgb, (byte) 90);
    Path photo = folder.resolve("photo.png");
    PngWriter.write(photo, new Picture(80, 80, rgb), Map.of());
    List<String> command = new ArrayList<>();
    Matcher words = WORD.matcher(row.command.replaceFirst("^\\./jdit ", ""));
    while (words.find()) {
      String word = words.group(1) != null ? words.group(1) : words.group(2);
      String before = command.isEmpty() ? "" : command.get(command.size() - 1);
      command.add(
          switch (before) {
            case "--model-path" -> pipeline.toString();
            case "--image-path" -> photo.toString();
            case "--num-frames" -> "5";
            case "--num-inference-steps" -> "2";
            default -> word;
          });
    }
    boolean video = Engine.parameters(pipeline).kind() == OutputKind.VIDEO;
    if (video && !command.contains("--num-frames")) {
      command.addAll(List.of("--num-frames", "5"));
    }
    if (!command.contains("--num-inference-steps")) {
      command.addAll(List.of("--num-inference-steps", "2"));
    }
    command.addAll(
        List.of("--height", "64", "--width", "64", "--cache", "--max-sequence-length", "32"));
    command.addAll(List.of("--output-path", folder.resolve("out").toString(), "--quiet"));
    CommandLineRun run = CommandLineRun.of(command.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCode.OK);
    try (Stream<Path> files = Files.list(folder.resolve("out"))) {
      assertThat(files.map(Path::toString))
          .singleElement()
          .satisfies(f -> assertThat(f).endsWith(video ? ".mp4" : ".png"));
    }
  }
}
