package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The job scripts with stand-ins for jdit and the schedulers' commands, which write what they got.
 */
class JobScriptsTest {
  private static final String BATCH =
      "generate --prompt-path p q.jsonl --output-path out --resume --threads 8";

  @TempDir private Path folder;
  private Path log;

  @BeforeEach
  void standIns() throws IOException {
    log = folder.resolve("log");
    command(
        "jdit",
        "echo \"jdit $*\" >>\"$LOG\"; echo \"$RANK $LOCAL_RANK of $WORLD_SIZE at $MASTER_ADDR:$MASTER_PORT\""
            + " >>\"$LOG.ranks\"; exit \"${JDIT_EXITS:-0}\"");
    command("srun", "while [ \"${1#--}\" != \"$1\" ]; do shift; done; \"$@\"");
    command("scontrol", "echo \"scontrol $*\" >>\"$LOG\"");
    command("mpiexec", "n=$2; shift 2; for i in $(seq \"$n\"); do \"$@\" || exit; done");
    command("pbsdsh", "shift 3; exec \"$@\"");
  }

  @Test
  void slurmRequeuesWhatASignalStopped() throws Exception {
    for (String script : List.of("generate.sbatch", "generate-nodes.sbatch")) {
      Files.deleteIfExists(log);
      assertThat(slurm(script, "75")).isEqualTo(75);
      String replicas = script.contains("nodes") ? " --dp-size 4" : "";
      assertThat(log())
          .containsExactly("jdit " + BATCH + replicas + " --seed 3", "scontrol requeue 42");
      Files.delete(log);
      assertThat(slurm(script, "1")).isEqualTo(1);
      assertThat(log()).containsExactly("jdit " + BATCH + replicas + " --seed 3");
    }
    Files.delete(log);
    slurm("generate-nodes.sbatch", "0", "--dp-size", "2");
    assertThat(log()).containsExactly("jdit " + BATCH + " --seed 3 --dp-size 2");
  }

  @Test
  void pbs() throws Exception {
    Map<String, String> job =
        Map.of(
            "PBS_O_WORKDIR",
            folder.toString(),
            "PROMPTS",
            "p q.jsonl",
            "OUTPUTS",
            "out",
            "NCPUS",
            "8",
            "JDIT_EXITS",
            "75",
            "PBS_NODEFILE",
            Files.writeString(folder.resolve("nodes"), "a\nb\na\n").toString(),
            "PBS_JOBID",
            "321.server");
    assertThat(run(job, "scripts/pbs/generate.pbs")).isEqualTo(75);
    assertThat(log()).containsExactly("jdit " + BATCH);
    Files.delete(log);
    assertThat(run(job, "scripts/pbs/generate-nodes.pbs")).isEqualTo(75);
    String replica = "jdit " + BATCH + " --dp-size 3";
    assertThat(log()).containsExactly(replica, replica, replica);
    assertThat(Files.readAllLines(folder.resolve("log.ranks")))
        .contains("0 0 of 3 at a:20321", "1 0 of 3 at a:20321", "2 1 of 3 at a:20321");
  }

  @Test
  void mpi() throws Exception {
    assertThat(run(Map.of(), "scripts/mpi/generate.sh", "2", "p q.jsonl", "out", "--threads", "8"))
        .isZero();
    String replica =
        "jdit generate --prompt-path p q.jsonl --output-path out --resume --dp-size 2 --threads 8";
    assertThat(log()).containsExactly(replica, replica);
    assertThat(run(Map.of(), "scripts/mpi/generate.sh")).isEqualTo(2);
  }

  private int slurm(String script, String exitCode, String... more) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("scripts/slurm/" + script, "p q.jsonl", "out", "--seed", "3"));
    command.addAll(List.of(more));
    return run(
        Map.of(
            "SLURM_JOB_ID",
            "42",
            "SLURM_CPUS_PER_TASK",
            "8",
            "SLURM_NTASKS",
            "4",
            "JDIT_EXITS",
            exitCode),
        command.toArray(String[]::new));
  }

  private int run(Map<String, String> environment, String... command) throws Exception {
    List<String> bash = new ArrayList<>(List.of("bash"));
    bash.addAll(List.of(command));
    ProcessBuilder builder = new ProcessBuilder(bash).inheritIO();
    builder.environment().put("PATH", folder + ":" + System.getenv("PATH"));
    builder.environment().put("LOG", log.toString());
    builder.environment().putAll(environment);
    return builder.start().waitFor();
  }

  private List<String> log() throws IOException {
    return Files.readAllLines(log);
  }

  private void command(String name, String body) throws IOException {
    Path file = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + body + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }
}
