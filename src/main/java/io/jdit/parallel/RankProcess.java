package io.jdit.parallel;

import io.jdit.tensor.Device;
import io.jdit.tensor.Torch;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** This process as a rank: started by JDiT's {@link Launcher}, torchrun, srun, mpirun or pbsdsh. */
public final class RankProcess {
  /** Limit of one collective when nobody gave another. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

  /**
   * Ranks start at different times, above all on several hosts with cold file systems. The limit of
   * a collective counts where it is shorter.
   */
  private static final Duration JOIN_TIMEOUT = Duration.ofMinutes(3);

  private final RankEnvironment environment;
  private final LauncherLink link; // null under launchers of others
  private final Duration timeout;
  private volatile String stage = "start";

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

  /** True when JDiT's launcher started it, which then speaks for all ranks of what concerns all. */
  public boolean launched() {
    return link != null;
  }

  /**
   * The device of this rank: the local rank's GPU, or the CPU.
   *
   * @throws IllegalArgumentException when this host has fewer GPUs
   */
  public Device device(Device requested) {
    if (!requested.isCuda()) {
      return requested;
    }
    return Device.parse("cuda:" + gpu(environment, Torch.cudaDevices()));
  }

  /**
   * @param visible GPUs that this process sees: one where the scheduler hands each process its own
   */
  static int gpu(RankEnvironment environment, int visible) {
    int local = environment.localRank();
    if (visible == 1) {
      return 0;
    }
    if (local >= visible) {
      throw new IllegalArgumentException(
          "rank "
              + environment.rank()
              + " is number "
              + local
              + " of its host and LibTorch sees "
              + visible
              + " GPUs there: start fewer processes on each host, or use --device cpu");
    }
    return local;
  }

  /**
   * Waits for the other ranks and makes a group of all.
   *
   * @throws CollectiveException when ranks are missing, disagree, or the port is in use
   */
  public ProcessGroup join(Device device) {
    int size = environment.size();
    if (size == 1) {
      return ProcessGroup.single();
    }
    Rendezvous rendezvous = meet();
    try {
      return new C10dGroup("world", environment.rank(), size, rendezvous, device.isCuda(), timeout);
    } catch (RuntimeException e) {
      rendezvous.close();
      throw e;
    }
  }

  /** Waits for the other ranks, see {@link #join}. */
  Rendezvous meet() {
    stage("join");
    Duration limit = joinTimeout();
    Rendezvous rendezvous = meetingPoint(limit);
    try {
      rendezvous.assemble(environment.rank(), environment.size(), limit);
      return rendezvous;
    } catch (RuntimeException e) {
      rendezvous.close();
      throw e;
    }
  }

  /** How long to wait for other ranks. */
  Duration joinTimeout() {
    return timeout.compareTo(JOIN_TIMEOUT) < 0 ? timeout : JOIN_TIMEOUT;
  }

  private Rendezvous meetingPoint(Duration limit) {
    String address = environment.masterAddress();
    int port = environment.masterPort();
    if (environment.attempt() != null) {
      return Rendezvous.join(address, port, limit)
          .renamed("jdit/attempt/" + environment.attempt() + "/");
    }
    if (isFirst()) {
      Rendezvous rendezvous = Rendezvous.serve(address, port, limit);
      if (link != null) {
        link.say(LauncherLink.SERVING + rendezvous.port());
      }
      return rendezvous;
    }
    return Rendezvous.join(address, port == 0 && link != null ? link.awaitPort() : port, limit);
  }

  /**
   * Puts a signal off until {@code work} is done, or this program's launcher wants this rank to
   * end: a signal that goes to all processes of a terminal, a service or a job is none for the
   * ranks of a server, which ends what is open first.
   */
  public void outlastSignals(CompletableFuture<Void> work) {
    CompletableFuture<?> end = link == null ? work : CompletableFuture.anyOf(work, link.end());
    Runtime.getRuntime().addShutdownHook(new Thread(end::join, "jdit-rank-signal"));
  }

  /** Tells the launcher what is being done: it names the stage when this rank dies. */
  public void stage(String name) {
    stage = name;
    if (link != null) {
      link.say(LauncherLink.STAGE + name);
    }
  }

  /**
   * Lets JDiT's launcher print a line of results on its standard output, for a rank whose own goes
   * elsewhere.
   *
   * @return false when this process's own standard output is read
   */
  public boolean print(String line) {
    if (link == null || isFirst()) {
      return false;
    }
    link.say(LauncherLink.RESULT + line);
    return true;
  }

  /**
   * Says why this rank is about to end: to the launcher, which tells the user the first failure of
   * all ranks, or, where nobody collects failures, on the standard error.
   */
  public void failed(Throwable failure) {
    String given = failure.getMessage();
    String message =
        given == null || given.isBlank()
            ? failure.getClass().getSimpleName()
            : given.lines().findFirst().orElse("");
    boolean collective = failure instanceof CollectiveException;
    if (link != null) {
      link.say(LauncherLink.FAILED + (collective ? "collective " : "own ") + message);
    } else {
      RankFailure.Cause cause = collective ? RankFailure.Cause.COLLECTIVE : RankFailure.Cause.OWN;
      System.err.println(
          "jdit: " + new RankFailure(environment.rank(), stage, message, 1, cause).line());
    }
  }
}
