package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.JavaProcess;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the launcher does with ranks that fail, and that it leaves none behind. */
@Timeout(90)
class LauncherTest {
  private static final int RANKS = 2;

  @TempDir private Path folder;
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int launch(String... arguments) throws Exception {
    PrintStream out = new PrintStream(err, true, StandardCharsets.UTF_8);
    return new Launcher(
            LocalRanks.of(command(FaultyRank.class, arguments), RANKS, out), Map.of(), out)
        .run();
  }

  private List<String> command(Class<?> main, String... arguments) {
    List<String> all = new ArrayList<>(List.of(folder.toString()));
    all.addAll(List.of(arguments));
    List<String> command = JavaProcess.command(main, all.toArray(String[]::new));
    command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    return command;
  }

  private String said() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @AfterEach
  void noRankIsLeftBehind() throws Exception {
    for (int r = 0; r < RANKS; r++) {
      Path file = folder.resolve("pid" + r);
      if (Files.exists(file)) {
        assertThat(ProcessHandle.of(Long.parseLong(Files.readString(file))))
            .as("process of rank %d", r)
            .isEmpty();
      }
    }
  }

  @Test
  void ranksThatSucceedGiveZeroAndOutputWithTheirNumber() throws Exception {
    assertThat(launch("fine")).isZero();
    assertThat(said()).contains("[rank 1] finished").doesNotContain("failed", "Gloo");
  }

  @Test
  void anErrorWhileLoadingIsNamedWithRankAndStage() throws Exception {
    assertThat(launch("throw", "1")).isEqualTo(3);
    assertThat(said()).contains("jdit: rank 1 failed in stage load: weights are missing");
  }

  @Test
  void aRankKilledWhileLoadingEndsTheOthersInTheirWaiting() throws Exception {
    assertThat(launch("kill-loading", "1")).isEqualTo(128 + 9);
    assertThat(said()).contains("jdit: rank 1 failed in stage load: killed by SIGKILL");
  }

  @Test
  void aKilledRankIsNamedNotThoseThatMissIt() throws Exception {
    assertThat(launch("kill", "1")).isEqualTo(128 + 9);
    assertThat(said()).contains("jdit: rank 1 failed in stage denoise: killed by SIGKILL");
  }

  @Test
  void aRankThatHangsIsNamedAfterTheTimeout() throws Exception {
    assertThat(launch("hang", "1")).isEqualTo(3);
    assertThat(said())
        .contains("jdit: rank 0 failed in stage denoise: all-reduce of 2 ranks")
        .contains("within 12 s")
        .contains("ranks without an answer: [1]");
  }

  @Test
  void aCommandThatDoesNotExistFails() {
    Launcher launcher =
        new Launcher(
            LocalRanks.of(List.of("/does/not/exist"), RANKS, System.err), Map.of(), System.err);
    assertThat(org.assertj.core.api.Assertions.catchThrowable(launcher::run))
        .hasMessageContaining("/does/not/exist");
  }

  @Test
  void ranksEndWithAKilledLauncher() throws Exception {
    Process launcher = new ProcessBuilder(command(FaultyRank.Main.class, "sleep")).start();
    List<ProcessHandle> ranks = started(launcher);
    launcher.destroyForcibly().waitFor();
    for (ProcessHandle rank : ranks) {
      rank.onExit().get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void aTerminatedLauncherTakesItsRanksAlong() throws Exception {
    Process launcher = new ProcessBuilder(command(FaultyRank.Main.class, "sleep")).start();
    List<ProcessHandle> ranks = started(launcher);
    launcher.destroy();
    assertThat(launcher.waitFor(15, TimeUnit.SECONDS)).isTrue();
    assertThat(launcher.exitValue()).isEqualTo(128 + 15);
    for (ProcessHandle rank : ranks) {
      rank.onExit().get(1, TimeUnit.SECONDS);
    }
  }

  /** Variables of two launchers; %d stands for the rank. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SLURM_PROCID=%d SLURM_NTASKS=2 SLURM_LOCALID=%d SLURM_JOB_NODELIST=127.0.0.1",
        "OMPI_COMM_WORLD_RANK=%d OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=2"
      })
  void ranksOfOtherLaunchersMeet(String variables) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    List<Process> ranks = new ArrayList<>();
    for (int r = 0; r < RANKS; r++) {
      ProcessBuilder builder = new ProcessBuilder(command(FaultyRank.class, "fine"));
      for (String variable : variables.replace("%d", Integer.toString(r)).split(" ")) {
        builder.environment().put(variable.split("=")[0], variable.split("=")[1]);
      }
      builder.environment().put("MASTER_PORT", Integer.toString(port));
      ranks.add(builder.redirectErrorStream(true).start());
    }
    for (Process rank : ranks) {
      String output = new String(rank.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(rank.waitFor()).as(output).isZero();
    }
  }

  /** Waits until both ranks have written their process ids. */
  private List<ProcessHandle> started(Process launcher) throws Exception {
    List<ProcessHandle> ranks = new ArrayList<>();
    for (int r = 0; r < RANKS; r++) {
      Path file = folder.resolve("pid" + r);
      while (!Files.exists(file) || Files.size(file) == 0) {
        assertThat(launcher.isAlive()).isTrue();
        Thread.sleep(20);
      }
      ranks.add(ProcessHandle.of(Long.parseLong(Files.readString(file))).orElseThrow());
    }
    return ranks;
  }
}
