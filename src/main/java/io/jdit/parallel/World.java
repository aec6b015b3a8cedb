package io.jdit.parallel;

import io.jdit.tensor.Device;
import java.time.Duration;

/** All ranks of a run. */
public final class World {
  /** Limit of one collective when nobody gave another. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

  private World() {}

  /**
   * Joins the ranks that the launcher's variables describe; returns when all are here.
   *
   * @param device CUDA for NCCL, the CPU for Gloo
   * @param timeout of the joining and of each collective
   * @throws CollectiveException when ranks are missing, disagree, or the port is in use
   */
  public static ProcessGroup join(RankEnvironment env, Device device, Duration timeout) {
    if (env.size() == 1) {
      return ProcessGroup.single();
    }
    Rendezvous rendezvous =
        env.rank() == 0
            ? Rendezvous.serve(env.masterAddress(), env.masterPort(), timeout)
            : Rendezvous.join(env.masterAddress(), env.masterPort(), timeout);
    return of(rendezvous, env.rank(), env.size(), device, timeout);
  }

  /** Joins through a rendezvous that is there already. */
  static ProcessGroup of(
      Rendezvous rendezvous, int rank, int size, Device device, Duration timeout) {
    rendezvous.assemble(rank, size, timeout);
    return new C10dGroup("world", rank, size, rendezvous, device.isCuda(), timeout);
  }
}
