package io.jdit.parallel;

import io.jdit.tensor.Device;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** This process as a rank: started by JDiT's {@link Launcher}, torchrun, srun, mpirun or pbsdsh. */
public final class RankProcess {
  /** Limit of one collective when nobody gave another. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

  /** Ranks start at different times, above all on several hosts with cold file systems. */
  private static final Duration JOIN_TIMEOUT = Duration.ofMinutes(3);

  private final RankEnvironment environment;
  private final LauncherLink link; // null under launchers of others
  private final Duration timeout;

  private RankProcess(RankEnvironment environment, LauncherLink link, Duration timeout) {
    this.environment = environment;
    this.link = link;
    this.timeout = timeout;
  }

  /**
   * Reads the launcher's variables; empty when this process was started alone. From here on the
   * process ends when JDiT's launcher does.
   *
   * @param timeout of each collective
   */
  public static Optional<RankProcess> start(Map<String, String> env, Duration timeout) {
    return RankEnvironment.detect(env)
        .map(
            e -> {
              String address = env.get(LauncherLink.VARIABLE);
              return new RankProcess(
                  e, address == null ? null : LauncherLink.connect(address, e.rank()), timeout);
            });
  }

  public RankEnvironment environment() {
    return environment;
  }

  /** True on the rank that writes files and speaks to the user. */
  public boolean isFirst() {
    return environment.rank() == 0;
  }

  /** The device of this rank: the local rank's GPU, or the CPU. */
  public Device device(Device requested) {
    return requested.isCuda() ? Device.parse("cuda:" + environment.localRank()) : requested;
  }

  /**
   * Waits for the other ranks.
   *
   * @throws CollectiveException when ranks are missing, disagree, or the port is in use
   */
  public ProcessGroup join(Device device) {
    int size = environment.size();
    if (size == 1) {
      return ProcessGroup.single();
    }
    stage("join");
    String address = environment.masterAddress();
    int port = environment.masterPort();
    Rendezvous rendezvous;
    if (isFirst()) {
      rendezvous = Rendezvous.serve(address, port, JOIN_TIMEOUT);
      if (link != null) {
        link.say(LauncherLink.SERVING + rendezvous.port());
      }
    } else {
      rendezvous =
          Rendezvous.join(
              address, port == 0 && link != null ? link.awaitPort() : port, JOIN_TIMEOUT);
    }
    rendezvous.assemble(environment.rank(), size, JOIN_TIMEOUT);
    return new C10dGroup("world", environment.rank(), size, rendezvous, device.isCuda(), timeout);
  }

  /** Tells the launcher what is being done: it names the stage when this rank dies. */
  public void stage(String name) {
    if (link != null) {
      link.say(LauncherLink.STAGE + name);
    }
  }

  /** Tells the launcher why this rank is about to end; false when nobody listens. */
  public boolean reports(Throwable failure) {
    failed(failure);
    return link != null;
  }

  /** Tells the launcher why this rank is about to end. */
  public void failed(Throwable failure) {
    if (link != null) {
      String kind = failure instanceof CollectiveException ? "collective " : "own ";
      String message = failure.getMessage();
      String text =
          message == null || message.isBlank() ? failure.getClass().getSimpleName() : message;
      link.say(LauncherLink.FAILED + kind + text.lines().findFirst().orElse(""));
    }
  }
}
