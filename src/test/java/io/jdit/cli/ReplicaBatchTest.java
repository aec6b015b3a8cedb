package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.JavaProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Batches on replicas of several ranks, which take every picture together. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ReplicaBatchTest {
  private static final int LINES = 16;

  @TempDir private Path folder;
  private Path prompts;
  private Path out;

  private record Run(Process process, Path printed) {
    Run await() throws InterruptedException {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(process.descendants()).isEmpty();
      return this;
    }

    String text() throws IOException {
      return Files.readString(printed);
    }
  }

  @BeforeEach
  void prompts() throws IOException {
    prompts =
        Files.write(
            folder.resolve("prompts.jsonl"),
            IntStream.range(0, LINES)
                .mapToObj(
                    i ->
                        "{\"prompt\": \"a red circle on a white background\", \"seed\": %d, \"height\": 32, \"width\": 32}"
                            .formatted(i))
                .toList());
    out = folder.resolve("out");
  }

  @Test
  void stoppedAndKilledReplicasGiveWhatOneUndisturbedReplicaGives() throws Exception {
    Path alone = folder.resolve("expected");
    Run undisturbed = start(alone, "--num-gpus", "2").await();
    assertThat(undisturbed.process().exitValue()).as(undisturbed.text()).isZero();
    Map<String, String> expected = new BatchOutput(alone).pictures();
    assertThat(expected).hasSize(LINES);

    Run stopped = start(out, "--num-gpus", "2", "--resume");
    awaitPictures(2, stopped);
    stopped.process().destroy();
    stopped.await();
    assertThat(stopped.process().exitValue()).as(stopped.text()).isEqualTo(ExitCode.RESUME);
    assertThat(stopped.text())
        .containsOnlyOnce("run it again with --resume")
        .doesNotContain("failed");

    Run killed = startTwoReplicas();
    awaitPictures(new BatchOutput(out).pictures().size() + 2, killed);
    killed.process().children().findAny().orElseThrow().destroyForcibly();
    killed.await();
    assertThat(killed.process().exitValue()).as(killed.text()).isPositive();
    assertThat(killed.text()).containsPattern("jdit: rank [0-3] ");

    Run last = startTwoReplicas().await();
    assertThat(last.process().exitValue()).as(last.text()).isZero();
    assertThat(last.text()).contains(LINES + "/" + LINES + " done");
    assertThat(new BatchOutput(out).pictures()).isEqualTo(expected);
    assertThat(new BatchOutput(out).manifest())
        .hasSize(LINES)
        .allSatisfy((path, hashes) -> assertThat(hashes).containsExactly(expected.get(path)));
    assertThat(out.resolve(".claims")).doesNotExist();

    CommandLineRun nothing = CommandLineRun.of(arguments(out, "--resume").toArray(String[]::new));
    assertThat(nothing.exitCode()).as(nothing.err()).isZero();
    assertThat(nothing.err()).doesNotContain("FluxPipeline"); // no model is loaded

    // Two lines are enough to see that a fresh start draws everything again, once.
    Files.write(prompts, Files.readAllLines(prompts).subList(0, 2));
    Run fresh = start(out, "--num-gpus", "2", "--dp-size", "2").await();
    assertThat(fresh.process().exitValue()).as(fresh.text()).isZero();
    assertThat(new BatchOutput(out).manifest().values())
        .extracting(List::size)
        .containsOnly(1, 2)
        .filteredOn(n -> n == 2)
        .hasSize(2);
  }

  private Run startTwoReplicas() throws IOException {
    return start(out, "--num-gpus", "4", "--dp-size", "2", "--resume");
  }

  private List<String> arguments(Path output, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "generate",
                "--prompt-path",
                prompts.toString(),
                "--output-path",
                output.toString(),
                "--num-inference-steps",
                "4",
                "--device",
                "cpu"));
    arguments.addAll(List.of(options));
    return arguments;
  }

  private Run start(Path output, String... options) throws IOException {
    List<String> command =
        JavaProcess.command(Main.class, arguments(output, options).toArray(String[]::new));
    command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"));
    Path printed = Files.createTempFile(folder, "printed", ".txt");
    return new Run(
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile())
            .start(),
        printed);
  }

  private void awaitPictures(int count, Run run) throws IOException, InterruptedException {
    while (new BatchOutput(out).pictures().size() < count) {
      assertThat(run.process().isAlive()).as(run.text()).isTrue();
      Thread.sleep(10);
    }
  }
}
