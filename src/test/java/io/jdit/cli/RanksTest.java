package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.media.PictureReader;
import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code jdit generate} on several CPU ranks, as real processes. */
class RanksTest {
  private static final String[] RED = {
    "--prompt",
    "a red circle on a white background",
    "--num-inference-steps",
    "4",
    "--seed",
    "7",
    "--device",
    "cpu"
  };

  @TempDir private Path folder;

  private record Run(int exitCode, String printed) {}

  @Test
  void twoRanksDrawThePictureOfOneAndReplicasShareThePrompts() throws Exception {
    assertThat(CommandLineRun.of(generate(folder, "one", RED)).exitCode()).isZero();
    byte[] expected = PictureReader.read(folder.resolve("one.png")).rgb();
    for (String[] layout :
        new String[][] {
          {"--num-gpus", "2"},
          {"--num-gpus", "2", "--cfg-parallel", "--extra-parallel-modules", "text_encoder"},
          {"--num-gpus", "2", "--tp-size", "2"}
        }) {
      String[] options = join(RED, layout);
      Run run = start(generate(folder, "many", options));
      assertThat(run.exitCode()).as(run.printed()).isZero();
      assertThat(run.printed())
          .contains("many.png")
          .containsPattern("peak memory of ranks 0 to 1: \\d+, \\d+ MB")
          .doesNotContain("[Gloo]");
      byte[] rgb = PictureReader.read(folder.resolve("many.png")).rgb();
      for (int i = 0; i < rgb.length; i++) {
        assertThat(Math.abs((rgb[i] & 255) - (expected[i] & 255))).isLessThanOrEqualTo(1);
      }
      Files.delete(folder.resolve("many.png"));
    }
    String[] two =
        join(
            RED,
            new String[] {
              "--prompt",
              "a blue star on a gray background",
              "--num-gpus",
              "2",
              "--dp-size",
              "2",
              "--perf-dump-path",
              folder.resolve("perf.json").toString()
            });
    ChildProcess run = ChildProcess.of(folder, Map.of(), generate(folder, "shared", two));
    assertThat(run.exitCode()).as(run.err()).isZero();
    List<String> paths =
        List.of(
            folder.resolve("shared_0.png").toString(), folder.resolve("shared_1.png").toString());
    assertThat(run.out().lines()).containsExactlyInAnyOrderElementsOf(paths);
    assertThat(
            ModelConfig.read(folder.resolve("perf.json"))
                .json()
                .path("images")
                .findValuesAsString("path"))
        .isEqualTo(paths);
    assertThat(PictureReader.read(folder.resolve("shared_0.png")).rgb()).isEqualTo(expected);
    assertThat(folder.resolve("shared_1.png")).isNotEmptyFile();
  }

  @Test
  void ranksForecastTheSameSteps() throws Exception {
    String[] forecast = {
      "--prompt",
      "a red circle on a white background",
      "--seed",
      "7",
      "--device",
      "cpu",
      "--cache",
      "forecast",
      "--forecast-speedup",
      "2.5"
    };
    String[][] layouts = {
      {},
      {"--num-gpus", "2"},
      {"--num-gpus", "2", "--cfg-parallel"},
      {"--num-gpus", "2", "--tp-size", "2"}
    };
    byte[] expected = null;
    String steps = null;
    for (int i = 0; i < layouts.length; i++) {
      Path dump = folder.resolve("perf" + i + ".json");
      String[] options =
          join(forecast, join(layouts[i], new String[] {"--perf-dump-path", dump.toString()}));
      Run run = start(generate(folder, "layout" + i, options));
      assertThat(run.exitCode()).as(run.printed()).isZero();
      byte[] rgb = PictureReader.read(folder.resolve("layout" + i + ".png")).rgb();
      String cached =
          ModelConfig.read(dump)
              .json()
              .path("cache")
              .path("contexts")
              .get(0)
              .path("cached_steps")
              .toString();
      if (i == 0) {
        expected = rgb;
        steps = cached;
        assertThat(cached).contains(",");
      }
      assertThat(cached).as(Arrays.toString(layouts[i])).isEqualTo(steps);
      for (int p = 0; p < rgb.length; p++) {
        assertThat(Math.abs((rgb[p] & 255) - (expected[p] & 255))).isLessThanOrEqualTo(1);
      }
    }
  }

  @Test
  void layoutsThatCannotBeAreRefusedBeforeRanksStart() {
    CommandLineRun tp =
        CommandLineRun.of(
            generate(folder, "x", join(RED, new String[] {"--num-gpus", "3", "--tp-size", "2"})));
    assertThat(tp.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(tp.err()).contains("the layout tp 2 needs 2 ranks, started were 3");
    CommandLineRun heads =
        CommandLineRun.of(
            generate(
                folder, "x", join(RED, new String[] {"--num-gpus", "3", "--ulysses-degree", "3"})));
    assertThat(heads.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(heads.err())
        .contains("ulysses_size 3 cannot share out 4 attention heads")
        .contains("[1, 2, 4]");
    CommandLineRun gpus =
        CommandLineRun.of(
            "generate",
            "--prompt",
            "x",
            "--num-gpus",
            "64",
            "--device",
            "cuda",
            "--output-path",
            folder.toString());
    assertThat(gpus.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(gpus.err()).contains("LibTorch sees");
  }

  /** Containers of job operators set the variables of a single rank. */
  @Test
  void theOnlyRankOfAnotherLauncherMayStartRanks() throws Exception {
    String[] arguments = generate(folder, "alone", join(RED, new String[] {"--num-gpus", "2"}));
    ChildProcess alone = ChildProcess.of(folder, Map.of("RANK", "0", "WORLD_SIZE", "1"), arguments);
    assertThat(alone.exitCode()).as(alone.err()).isZero();
    assertThat(alone.err()).containsPattern("peak memory of ranks 0 to 1");
    ChildProcess three =
        ChildProcess.of(
            folder, Map.of("RANK", "0", "WORLD_SIZE", "3", "MASTER_ADDR", "localhost"), arguments);
    assertThat(three.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(three.err()).contains("torchrun started 3 ranks and --num-gpus is 2");
  }

  @Test
  void ranksOfAnotherLauncherThatWereGivenOtherPromptsSaySo() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    List<Process> ranks = new ArrayList<>();
    for (int r = 0; r < 2; r++) {
      String[] own = join(RED, new String[] {"--prompt", "of rank " + r});
      ProcessBuilder builder =
          new ProcessBuilder(ChildProcess.command(generate(folder, "x", own)))
              .redirectErrorStream(true);
      builder.environment().put("RANK", Integer.toString(r));
      builder.environment().put("WORLD_SIZE", "2");
      builder.environment().put("MASTER_ADDR", "127.0.0.1");
      builder.environment().put("MASTER_PORT", Integer.toString(port));
      ranks.add(builder.start());
    }
    for (Process rank : ranks) {
      String printed = new String(rank.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(rank.waitFor()).as(printed).isNotZero();
      assertThat(printed)
          .contains("what is drawn differs between the ranks of a replica: ranks [1]");
    }
    assertThat(folder.resolve("x_0.png")).doesNotExist();
  }

  @Test
  void theFailureOfARankIsSaidOnce() throws Exception {
    Run run =
        start(
            generate(
                folder,
                "x",
                join(RED, new String[] {"--num-gpus", "2", "--Fn", "9", "--Bn", "9", "--cache"})));
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.printed().lines().filter(l -> l.startsWith("jdit: "))).hasSize(1);
    assertThat(run.printed()).contains("failed in stage denoise").contains("12 blocks");
  }

  @Test
  void plansNeedNoWeights() {
    CommandLineRun run =
        CommandLineRun.of(
            "parallel",
            "plan",
            "--model-path",
            "src/test/resources/manifests/flux1-dev",
            "--num-gpus",
            "4",
            "--device",
            "cpu");
    assertThat(run.exitCode()).isZero();
    // 11,901,408,320, 123,060,480 + 4,762,310,656 and 83,819,683 parameters of two bytes by the
    // manifest's counts.json; performance.md's 1.21 GB for Ulysses on 4 ranks
    assertThat(run.out())
        .contains("23.803 GB per rank, transformer")
        .contains("0.246 GB per rank, text_encoder\n")
        .contains("9.525 GB per rank, text_encoder_2")
        .contains("0.168 GB per rank, vae")
        .contains("ulysses 4                          26.2        23.80        0.142        1.211")
        .contains("tp 4");
  }

  /** 512 text tokens cannot be cut into 1024 parts, which the automatic layout would do. */
  @Test
  void plansForManyRanksTakeALayoutThatFits() {
    CommandLineRun run =
        CommandLineRun.of(
            "parallel",
            "plan",
            "--model-path",
            "src/test/resources/manifests/flux1-dev",
            "--num-gpus",
            "1024");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).contains("512 tokens cannot be cut into 1024 parts");
    assertThat(run.out()).containsPattern("mesh .*, 1024 ranks");
  }

  private static String[] generate(Path folder, String name, String... options) {
    return join(
        new String[] {
          "generate",
          "--output-path",
          folder.toString(),
          "--output-file-name",
          name,
          "--preview",
          "off"
        },
        options);
  }

  private static String[] join(String[] a, String[] b) {
    String[] joined = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, joined, a.length, b.length);
    return joined;
  }

  private Run start(String... arguments) throws IOException, InterruptedException {
    List<String> command = ChildProcess.command(arguments);
    File printed = Files.createTempFile(folder, "printed", ".txt").toFile();
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(printed).start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    assertThat(process.descendants()).isEmpty();
    return new Run(process.exitValue(), Files.readString(printed.toPath()));
  }
}
