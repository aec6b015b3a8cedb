package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches in real processes that are stopped and killed. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KilledBatchTest {
  private static final int LINES = 44;
  private static final int REPLICAS = 4;
  private static final int SIGKILL = 137;
  private static final int HANGS_AFTER_SECONDS = 240;

  @TempDir private Path folder;
  private Path prompts;
  private Path out;

  @BeforeEach
  void prompts() throws IOException {
    List<String> colours = List.of("red", "green", "blue", "yellow");
    prompts =
        Files.write(
            folder.resolve("prompts.jsonl"),
            IntStream.range(0, LINES)
                .mapToObj(
                    i ->
                        "{\"prompt\": \"a %s circle on a white background\", \"seed\": %d, \"height\": 32, \"width\": 32}"
                            .formatted(colours.get(i % colours.size()), i))
                .toList());
    out = folder.resolve("out");
  }

  @Test
  void killedAndResumedReplicasGiveWhatOneUndisturbedProcessGives() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    Process undisturbed = start(folder.resolve("expected"), "2");

    List<Process> replicas = new ArrayList<>();
    for (int i = 0; i < REPLICAS; i++) {
      replicas.add(start(out, "2", "--resume"));
    }
    // Three kills once pictures come, each at a random number of them; the replaced replica goes
    // on.
    for (int kill = 0; kill < 3; kill++) {
      int pictures = 4 + 8 * kill + random.nextInt(8);
      while (drawn() < pictures && replicas.stream().anyMatch(Process::isAlive)) {
        Thread.sleep(20);
      }
      Thread.sleep(random.nextInt(100));
      // Ahead of Java's start a signal ends the process with its own code: not to the newest one.
      boolean term = kill == 1;
      Process victim = replicas.remove(random.nextInt(replicas.size() - (term ? 1 : 0)));
      if (term) {
        victim.destroy();
        assertThat(victim.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(victim.exitValue()).isEqualTo(ExitCode.RESUME);
      } else {
        victim.destroyForcibly();
        assertThat(victim.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(victim.exitValue()).isEqualTo(SIGKILL);
      }
      if (kill < 2) {
        replicas.add(start(out, "2", "--resume"));
      }
    }
    for (Process replica : replicas) {
      assertThat(replica.waitFor(HANGS_AFTER_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(replica.exitValue()).isZero();
    }
    assertThat(undisturbed.waitFor(HANGS_AFTER_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(undisturbed.exitValue()).isZero();

    Map<String, String> expected = new BatchOutput(folder.resolve("expected")).pictures();
    assertThat(expected).hasSize(LINES);
    assertThat(new BatchOutput(out).pictures()).isEqualTo(expected);
    assertThat(new BatchOutput(out).manifest())
        .hasSize(LINES)
        .allSatisfy((path, hashes) -> assertThat(hashes).containsExactly(expected.get(path)));
    assertThat(Files.exists(out.resolve(".claims"))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "USR1", "INT"})
  void aSignalDropsThePictureInWorkAndSaysToResume(String signal) throws Exception {
    assumeFalse(
        ignored(signal),
        "the parent of this run ignores SIG" + signal + ", as for background jobs: so does Java");
    Process process = start(out, "100000", "--resume");
    StringBuilder printed = new StringBuilder();
    try (BufferedReader reader = process.inputReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        printed.append(line).append('\n');
        if (line.startsWith("0/" + LINES + " done")) {
          new ProcessBuilder("kill", "-s", signal, String.valueOf(process.pid())).start().waitFor();
        }
      }
    }
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(75);
    assertThat(printed).contains("--resume").doesNotContain("Exception");
    // Claims stay, without their owner, for whoever goes on.
    assertThat(drawn()).isZero();
    try (Stream<Path> files = Files.list(out.resolve(".claims"))) {
      assertThat(files.map(f -> f.getFileName().toString())).noneMatch(f -> f.startsWith("worker"));
    }
  }

  private Process start(Path output, String steps, String... more) throws IOException {
    List<String> command =
        ChildProcess.command(
            "generate",
            "--prompt-path",
            prompts.toString(),
            "--output-path",
            output.toString(),
            "--num-inference-steps",
            steps,
            "--threads",
            "1",
            "--device",
            "cpu");
    command.add(1, "-Xmx512m");
    command.addAll(List.of(more));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    if (steps.equals("2")) {
      builder.redirectOutput(Files.createTempFile(folder, "replica", ".log").toFile());
    }
    return builder.start();
  }

  private int drawn() throws IOException {
    return new BatchOutput(out).pictures().size();
  }

  /**
   * Whether processes started here inherit that the signal is ignored: Java then leaves it ignored.
   */
  private static boolean ignored(String signal) throws IOException {
    int number = Map.of("INT", 2, "USR1", 10, "TERM", 15).get(signal);
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("SigIgn:")) {
        long mask = Long.parseUnsignedLong(line.substring("SigIgn:".length()).strip(), 16);
        return (mask >> (number - 1) & 1) != 0;
      }
    }
    return false;
  }
}
