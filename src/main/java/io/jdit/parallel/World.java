package io.jdit.parallel;

import io.jdit.tensor.Device;
import java.time.Duration;

/** All ranks of a run. */
public final class World {
  /** Limit of one collective when nobody gave another. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

  private World() {}

  /**
   * Joins the ranks that meet at {@code rendezvous}.
   *
   * @param device CUDA for NCCL and Gloo, the CPU for Gloo alone
   * @param timeout of the joining and of each collective
   * @throws CollectiveException when ranks are missing or disagree on their number
   */
  static ProcessGroup of(
      Rendezvous rendezvous, int rank, int size, Device device, Duration timeout) {
    rendezvous.assemble(rank, size, timeout);
    return new C10dGroup("world", rank, size, rendezvous, device.isCuda(), timeout);
  }
}
