package io.jdit.parallel;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** A rank of {@link LauncherTest} that misbehaves as its arguments say: FOLDER MODE [RANK]. */
final class FaultyRank {
  private FaultyRank() {}

  public static void main(String[] args) throws Exception {
    Duration timeout = Duration.ofSeconds(args[1].equals("hang") ? 12 : 30);
    RankProcess process = RankProcess.start(System.getenv(), timeout).orElseThrow();
    int rank = process.environment().rank();
    Files.writeString(Path.of(args[0], "pid" + rank), Long.toString(ProcessHandle.current().pid()));
    boolean faulty = args.length > 2 && rank == Integer.parseInt(args[2]);
    try {
      process.stage("load");
      if (faulty && args[1].equals("throw")) {
        throw new IllegalArgumentException("weights are missing");
      }
      if (faulty && args[1].equals("kill-loading")) {
        kill();
      }
      if (args[1].equals("sleep")) {
        System.out.println("asleep");
        Thread.sleep(60_000);
      }
      try (ProcessGroup world = process.join(Device.CPU);
          TensorScope scope = TensorScope.open()) {
        process.stage("denoise");
        world.barrier();
        if (faulty && args[1].equals("kill")) {
          kill();
        }
        if (faulty && args[1].equals("hang")) {
          Thread.sleep(60_000);
        }
        world.allReduce(Tensor.zeros(DType.FLOAT32, Device.CPU, 4)).await();
      }
      if (rank == 1) {
        System.out.println("finished");
      }
    } catch (Exception e) {
      process.failed(e);
      System.exit(3);
    }
    System.exit(0);
  }

  private static void kill() throws Exception {
    new ProcessBuilder("kill", "-KILL", Long.toString(ProcessHandle.current().pid()))
        .start()
        .waitFor();
    Thread.sleep(10_000);
  }

  /** A launcher in a process of its own: FOLDER MODE [RANK], two ranks. */
  static final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
      System.exit(
          new Launcher(
                  LocalRanks.of(
                      SameJvm.command(FaultyRank.class.getName(), java.util.List.of(args)),
                      2,
                      System.err),
                  Map.of(),
                  System.err)
              .run());
    }
  }
}
