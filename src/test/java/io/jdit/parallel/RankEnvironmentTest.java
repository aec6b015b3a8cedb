package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RankEnvironmentTest {
  @TempDir private Path folder;

  private static RankEnvironment detect(Map<String, String> env) {
    return RankEnvironment.detect(env).orElseThrow();
  }

  @Test
  void torchrun() {
    RankEnvironment e =
        detect(
            Map.of(
                "RANK",
                "5",
                "WORLD_SIZE",
                "8",
                "LOCAL_RANK",
                "1",
                "MASTER_ADDR",
                "node7",
                "MASTER_PORT",
                "1234"));
    assertThat(e).isEqualTo(new RankEnvironment(5, 8, 1, "node7", 1234, "torchrun"));
  }

  @Test
  void openMpiOnOneHostMeetsAtTheLoopback() {
    RankEnvironment e =
        detect(
            Map.of(
                "OMPI_COMM_WORLD_RANK", "2",
                "OMPI_COMM_WORLD_SIZE", "4",
                "OMPI_COMM_WORLD_LOCAL_RANK", "2",
                "OMPI_COMM_WORLD_LOCAL_SIZE", "4"));
    assertThat(e).isEqualTo(new RankEnvironment(2, 4, 2, "127.0.0.1", 29500, "Open MPI"));
  }

  @Test
  void mpich() {
    RankEnvironment e =
        detect(
            Map.of("PMI_RANK", "1", "PMI_SIZE", "2", "MPI_LOCALRANKID", "0", "MASTER_ADDR", "n0"));
    assertThat(e).isEqualTo(new RankEnvironment(1, 2, 0, "n0", 29500, "PMI"));
  }

  @Test
  void slurmMeetsOnItsFirstHost() {
    RankEnvironment e =
        detect(
            Map.of(
                "SLURM_JOB_ID", "17",
                "SLURM_STEP_ID", "0",
                "SLURM_PROCID", "9",
                "SLURM_NTASKS", "16",
                "SLURM_LOCALID", "1",
                "SLURM_JOB_NODELIST", "gpu[012-013,020]"));
    assertThat(e).isEqualTo(new RankEnvironment(9, 16, 1, "gpu012", 29500, "Slurm"));
  }

  @Test
  void aBatchScriptIsNoRank() {
    assertThat(
            RankEnvironment.detect(
                Map.of(
                    "SLURM_JOB_ID", "17",
                    "SLURM_PROCID", "0",
                    "SLURM_NTASKS", "4",
                    "SLURM_JOB_NODELIST", "gpu1")))
        .isEmpty();
    assertThat(RankEnvironment.detect(Map.of("PATH", "/bin"))).isEmpty();
    assertThat(RankEnvironment.detect(Map.of("RANK", "0"))).isEmpty();
  }

  @Test
  void pbsdshReadsTheNodeFile() throws Exception {
    Path nodes = folder.resolve("nodes");
    Files.write(nodes, List.of("a", "a", "b", "b"));
    RankEnvironment e = detect(Map.of("PBS_VNODENUM", "3", "PBS_NODEFILE", nodes.toString()));
    assertThat(e).isEqualTo(new RankEnvironment(3, 4, 1, "a", 29500, "PBS"));
  }

  /** PBS gives the job's script the variables of its first task; pbsdsh starts later ones. */
  @Test
  void aPbsScriptIsNoRank() throws Exception {
    Path nodes = folder.resolve("nodes");
    Files.write(nodes, List.of("a", "a", "b", "b"));
    Map<String, String> script =
        Map.of(
            "PBS_JOBID", "1.x",
            "PBS_ENVIRONMENT", "PBS_BATCH",
            "PBS_VNODENUM", "0",
            "PBS_NODENUM", "0",
            "PBS_TASKNUM", "1",
            "PBS_NODEFILE", nodes.toString());
    assertThat(RankEnvironment.detect(script)).isEmpty();
    Map<String, String> spawned = new HashMap<>(script);
    spawned.put("PBS_TASKNUM", "2");
    assertThat(detect(spawned).size()).isEqualTo(4);
    spawned.putAll(Map.of("PBS_TASKNUM", "1", "PBS_NODENUM", "1", "PBS_VNODENUM", "2"));
    assertThat(detect(spawned).rank()).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "-1"})
  void emptyVariablesCountAsUnset(String value) {
    assertThat(RankEnvironment.detect(Map.of("RANK", value))).isEmpty();
    assertThat(RankEnvironment.detect(Map.of("RANK", value, "WORLD_SIZE", "2"))).isEmpty();
    assertThat(RankEnvironment.detect(Map.of("RANK", "0", "WORLD_SIZE", value))).isEmpty();
    RankEnvironment next =
        detect(
            Map.of(
                "RANK", value,
                "WORLD_SIZE", value,
                "OMPI_COMM_WORLD_RANK", "1",
                "OMPI_COMM_WORLD_SIZE", "2",
                "OMPI_COMM_WORLD_LOCAL_SIZE", "2",
                "MASTER_ADDR", value,
                "MASTER_PORT", value));
    assertThat(next).isEqualTo(new RankEnvironment(1, 2, 1, "127.0.0.1", 29500, "Open MPI"));
  }

  @Test
  void theFirstCompleteSetCounts() {
    RankEnvironment e =
        detect(
            Map.of(
                "RANK", "1",
                "WORLD_SIZE", "2",
                "MASTER_ADDR", "a",
                "SLURM_PROCID", "3",
                "SLURM_NTASKS", "4"));
    assertThat(e.launcher()).isEqualTo("torchrun");
    assertThat(e.localRank()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "'node1', node1",
    "'node1,node2', node1",
    "'node[003-010,12],other', node003",
    "'rack[1-2]n[5-6]', rack1n5",
    "'a,b[1-2]', a",
    "'x[7]', x7"
  })
  void firstHostOfACompressedList(String list, String host) {
    assertThat(RankEnvironment.firstHost(list)).isEqualTo(host);
  }

  @Test
  void errorsNameTheVariable() {
    assertThatThrownBy(() -> detect(Map.of("RANK", "x", "WORLD_SIZE", "2")))
        .hasMessageContaining("environment variable RANK is 'x'");
    assertThatThrownBy(() -> detect(Map.of("RANK", "2", "WORLD_SIZE", "2", "MASTER_ADDR", "a")))
        .hasMessageContaining("torchrun says rank 2");
    assertThatThrownBy(() -> detect(Map.of("PMI_RANK", "0", "PMI_SIZE", "2")))
        .hasMessageContaining("MASTER_ADDR is not set");
    assertThatThrownBy(
            () ->
                detect(
                    Map.of("RANK", "0", "WORLD_SIZE", "2", "MASTER_ADDR", "a", "MASTER_PORT", "0")))
        .hasMessageContaining("MASTER_PORT is 0");
  }

  /** Where the scheduler hands each process one GPU, it is the process's number 0. */
  @Test
  void aRankTakesTheGpuOfItsPlaceOnTheHost() {
    RankEnvironment third = new RankEnvironment(7, 8, 3, "a", 29500, "Slurm");
    assertThat(RankProcess.gpu(third, 4)).isEqualTo(3);
    assertThat(RankProcess.gpu(third, 1)).isZero();
    assertThatThrownBy(() -> RankProcess.gpu(third, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rank 7 is number 3 of its host and LibTorch sees 2 GPUs");
  }
}
