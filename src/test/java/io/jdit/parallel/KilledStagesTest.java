package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cli.Main;
import io.jdit.testing.JavaProcess;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code jdit generate} on two ranks, one of which is killed in each of its stages. */
@Timeout(60)
class KilledStagesTest {
  private static final int SIGKILL = 137;
  private static final Duration LIMIT = Duration.ofSeconds(10);

  @TempDir private Path folder;

  /** Large enough for every stage to last: a kill takes some milliseconds to arrive. */
  private static final List<String> GENERATE =
      List.of(
          "generate",
          "--prompt",
          "a red circle on a white background",
          "--num-inference-steps",
          "1",
          "--height",
          "320",
          "--width",
          "320",
          "--num-outputs-per-prompt",
          "3",
          "--device",
          "cpu",
          "--preview",
          "off",
          "--output-path");

  @ParameterizedTest
  @CsvSource({"join, 1", "load, 0", "text_encode, 1", "denoise, 0", "decode, 1", "save, 0"})
  void theOthersEndAndTheKilledRankIsNamed(String stage, int victim) throws Exception {
    List<String> command = JavaProcess.command(Main.class, GENERATE.toArray(String[]::new));
    command.add(folder.resolve("out").toString());
    command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"));
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(err, true, StandardCharsets.UTF_8);
    Launcher launcher =
        new Launcher(LocalRanks.of(command, 2, out), Map.of("OMP_NUM_THREADS", "1"), out);
    Set<ProcessHandle> processes = ConcurrentHashMap.newKeySet();
    long[] killed = new long[1];
    launcher.onStage(
        (rank, entered) -> {
          processes.add(rank.process().toHandle());
          if (rank.rank() == victim && entered.equals(stage)) {
            killed[0] = System.nanoTime();
            rank.process().destroyForcibly();
          }
        });
    int code = launcher.run();
    Duration took = Duration.ofNanos(System.nanoTime() - killed[0]);
    String said = err.toString(StandardCharsets.UTF_8);
    assertThat(code).as(said).isEqualTo(SIGKILL);
    assertThat(said)
        .contains("jdit: rank " + victim + " failed in stage " + stage + ": killed by SIGKILL");
    assertThat(took).isLessThan(LIMIT);
    assertThat(processes).isNotEmpty().noneMatch(ProcessHandle::isAlive);
    // A picture is there whole or not at all, and nothing is left of one that was being written.
    if (Files.isDirectory(folder.resolve("out"))) {
      try (Stream<Path> files = Files.list(folder.resolve("out"))) {
        assertThat(files.map(f -> f.getFileName().toString()))
            .allMatch(name -> name.endsWith(".png") || name.startsWith(".jdit-"));
      }
    }
  }
}
