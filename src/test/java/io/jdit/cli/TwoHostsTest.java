package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.media.PictureReader;
import io.jdit.testing.JavaProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Ranks on two hosts that are network namespaces of this machine. Both hosts know their own name as
 * a loopback address, as Debian sets it up.
 */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TwoHostsTest {
  private static final String RED =
      "--prompt 'a red circle on a white background' --num-inference-steps 4 --seed 7 --device cpu";

  @TempDir private Path folder;

  @BeforeAll
  static void namespaces() throws Exception {
    Process probe =
        new ProcessBuilder(
                "sh",
                "-c",
                "command -v nsenter && unshare --map-root-user --net --uts --mount ip link set lo up")
            .start();
    assumeTrue(
        probe.waitFor() == 0, "two hosts need iproute2, and the right to make user namespaces");
  }

  @BeforeEach
  void commands() throws IOException {
    List<String> jdit = JavaProcess.command(Main.class);
    jdit.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"));
    command(
        "jdit",
        "export OMP_NUM_THREADS=1\nexec "
            + jdit.stream().map(a -> "'" + a + "'").collect(Collectors.joining(" "))
            + " \"$@\"");
  }

  @Test
  void underTorchrunsVariablesTheyDrawWhatOneHostDraws() throws Exception {
    String options =
        "generate --output-path out --preview off --ulysses-degree 2 --ring-degree 2 " + RED;
    command(
        "torchrun",
        """
        export WORLD_SIZE=4 MASTER_ADDR=alpha MASTER_PORT=29500
        for rank in 0 1 2 3; do
          [ $rank -lt 2 ] && host= || host=./on-beta
          RANK=$rank LOCAL_RANK=$((rank %% 2)) $host ./jdit %s --output-file-name two.png >out$rank 2>err$rank &
        done
        for job in $(jobs -p); do wait $job || exit; done
        """
            .formatted(options));
    onTwoHosts("./torchrun");
    // Scripts read the standard output: nothing but the path, and that from rank 0 alone.
    assertThat(Files.readString(folder.resolve("out0"))).isEqualTo("out/two.png\n");
    for (int rank = 1; rank < 4; rank++) {
      assertThat(folder.resolve("out" + rank)).isEmptyFile();
    }
    run("./jdit " + options + " --num-gpus 4 --output-file-name one.png >log");
    assertThat(PictureReader.read(folder.resolve("out/two.png")).rgb())
        .isEqualTo(PictureReader.read(folder.resolve("out/one.png")).rgb());
  }

  /** Two replicas of two ranks each, which are those of one host. */
  @Test
  void slurmsScriptDrawsABatch() throws Exception {
    command(
        "srun",
        """
        while [ "${1#--}" != "$1" ]; do shift; done
        export SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4
        for task in 0 1 2 3; do
          [ $task -lt 2 ] && host= || host=./on-beta
          SLURM_PROCID=$task SLURM_LOCALID=$((task % 2)) $host "$@" >>log 2>&1 &
        done
        for job in $(jobs -p); do wait $job || exit; done
        """);
    batch(
        "SLURM_JOB_ID=42 SLURM_NTASKS=4 SLURM_JOB_NODELIST=alpha,beta",
        "scripts/slurm/generate-nodes.sbatch prompts.jsonl out --dp-size 2");
  }

  @Test
  void mpisScriptDrawsABatch() throws Exception {
    command(
        "mpiexec",
        """
        [ "$1 $2 $3 $4" = "-n 2 -host alpha,beta" ] || exit 2
        shift 4
        export OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=0
        OMPI_COMM_WORLD_RANK=0 "$@" >>log 2>&1 &
        OMPI_COMM_WORLD_RANK=1 ./on-beta "$@" >>log 2>&1 &
        for job in $(jobs -p); do wait $job || exit; done
        """);
    batch("HOSTS=alpha,beta", "scripts/mpi/generate.sh 2 prompts.jsonl out");
  }

  @Test
  void pbsScriptDrawsABatch() throws Exception {
    Files.writeString(folder.resolve("nodes"), "alpha\nbeta\n");
    command(
        "pbsdsh",
        """
        [ "$1 $3" = "-n --" ] || exit 2
        [ "$2" = 0 ] && host= || host=./on-beta
        shift 3
        exec $host "$@" >>log 2>&1
        """);
    batch(
        "PBS_O_WORKDIR=$PWD PBS_NODEFILE=nodes PBS_JOBID=7.server PROMPTS=prompts.jsonl OUTPUTS=out",
        "scripts/pbs/generate-nodes.pbs");
  }

  private void batch(String environment, String script) throws Exception {
    Files.writeString(
        folder.resolve("prompts.jsonl"),
        "{\"prompt\": \"a red circle\", \"num_inference_steps\": 4}\n".repeat(4));
    Path checkout = Path.of("").toAbsolutePath();
    onTwoHosts(
        "env PATH=$PWD:$PATH JDIT=$PWD/jdit " + environment + " bash " + checkout + "/" + script);
    String log = Files.readString(folder.resolve("log"));
    BatchOutput out = new BatchOutput(folder.resolve("out"));
    Map<String, String> pictures = out.pictures();
    assertThat(pictures).as(log).hasSize(4);
    assertThat(out.manifest())
        .hasSize(4)
        .allSatisfy((path, hashes) -> assertThat(hashes).containsExactly(pictures.get(path)));
    assertThat(log).contains("4/4 done").doesNotContain("[Gloo]").doesNotContain("jdit: ");
  }

  private void onTwoHosts(String command) throws Exception {
    Path script = Path.of("src/test/resources/hosts/two-hosts").toAbsolutePath();
    run("unshare --map-root-user --net --uts --mount bash " + script + " $PWD " + command);
  }

  private void run(String command) throws Exception {
    Path printed = folder.resolve("printed");
    Process process =
        new ProcessBuilder("bash", "-c", command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile())
            .start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    List<String> logs = new ArrayList<>(List.of(Files.readString(printed)));
    for (String name : List.of("log", "err0", "err1", "err2", "err3")) {
      if (Files.exists(folder.resolve(name))) {
        logs.add(Files.readString(folder.resolve(name)));
      }
    }
    assertThat(process.exitValue()).as(String.join("\n", logs)).isZero();
  }

  private void command(String name, String body) throws IOException {
    Path file = Files.writeString(folder.resolve(name), "#!/bin/bash\n" + body + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }
}
