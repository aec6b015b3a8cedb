package io.jdit.parallel;

import io.jdit.metrics.Processors;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Ranks on this host, with a device each. */
public final class LocalRanks implements RankHosts {
  /**
   * LibTorch asks for the name of every address that it connects to, the loopback one as well, and
   * does without it after a warning. Where no name server answers, each takes 10 s by default.
   */
  private static final Map<String, String> NAMES_IN_VAIN =
      Map.of("RES_OPTIONS", "timeout:1 attempts:2", "TORCH_CPP_LOG_LEVEL", "ERROR");

  private final List<String> command;
  private final int size;
  private final CoreShares cores;
  private final PrintStream err;

  private LocalRanks(List<String> command, int size, CoreShares cores, PrintStream err) {
    if (size < 1) {
      throw new IllegalArgumentException("the number of ranks must be >= 1, got " + size);
    }
    this.command = List.copyOf(command);
    this.size = size;
    this.cores = cores;
    this.err = err;
  }

  /**
   * @param command program and arguments of every rank
   * @param err where lines of ranks above 0 go
   */
  public static LocalRanks of(List<String> command, int size, PrintStream err) {
    return new LocalRanks(command, size, new CoreShares(List.of()), err);
  }

  /**
   * The same with cores of its own for each rank, where there are enough: for ranks that compute on
   * the CPU.
   */
  public LocalRanks sharingCores() {
    return new LocalRanks(command, size, CoreShares.here(), err);
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public InetAddress address() {
    return InetAddress.getLoopbackAddress();
  }

  @Override
  public LaunchedRank start(int rank, Map<String, String> variables) throws IOException {
    Map<String, String> env = new HashMap<>(variables);
    env.put("LOCAL_RANK", Integer.toString(rank));
    env.put("LOCAL_WORLD_SIZE", Integer.toString(size));
    if (System.getenv("OMP_NUM_THREADS") == null) {
      int share = Processors.allowed() / size;
      env.putIfAbsent("OMP_NUM_THREADS", Integer.toString(Math.max(1, share)));
    }
    NAMES_IN_VAIN.forEach(
        (name, value) -> env.putIfAbsent(name, System.getenv().getOrDefault(name, value)));
    List<String> placed = new ArrayList<>(cores.prefix(rank, size));
    placed.addAll(command);
    return LaunchedRank.start(rank, placed, env, err);
  }
}
