package io.jdit.cli;

import io.jdit.attention.FusedAttention;
import io.jdit.config.Values;
import io.jdit.engine.RankSession;
import io.jdit.parallel.Launcher;
import io.jdit.parallel.LayoutSettings;
import io.jdit.parallel.LocalRanks;
import io.jdit.parallel.RankAgent;
import io.jdit.parallel.RankAgents;
import io.jdit.parallel.RankEnvironment;
import io.jdit.parallel.RankHosts;
import io.jdit.parallel.RankProcess;
import io.jdit.parallel.SameJvm;
import io.jdit.tensor.Device;
import io.jdit.tensor.Torch;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntSupplier;
import picocli.CommandLine.Model.CommandSpec;

/** A command that runs in one process or, by {@code --num-gpus} or another launcher, in many. */
final class Ranks {
  /** What each rank does. */
  interface Work {
    int run(RankSession session) throws Exception;
  }

  private final ParallelOptions options;
  private final CommandSpec spec;
  private final Optional<RankProcess> rank;

  private Ranks(ParallelOptions options, CommandSpec spec, Optional<RankProcess> rank) {
    this.options = options;
    this.spec = spec;
    this.rank = rank;
  }

  /**
   * Finds out whether this process is a rank of a run that was started already. The only rank of
   * another launcher (containers and {@code srun -n 1} set such variables) is none.
   *
   * @throws IllegalArgumentException when another launcher started fewer or more than asked for
   */
  static Ranks of(ParallelOptions options, CommandSpec spec) {
    Optional<RankProcess> rank = RankProcess.start(System.getenv(), options.timeout());
    if (rank.isEmpty() || rank.get().launched()) {
      return new Ranks(options, spec, rank);
    }
    RankEnvironment found = rank.get().environment();
    if (found.size() == 1) {
      return new Ranks(options, spec, Optional.empty());
    }
    if (options.numGpus() > 1 && options.numGpus() != found.size()) {
      throw new IllegalArgumentException(
          found.launcher()
              + " started "
              + found.size()
              + " ranks and --num-gpus is "
              + options.numGpus()
              + ": leave --num-gpus out, or unset the variables of "
              + found.launcher());
    }
    return new Ranks(options, spec, rank);
  }

  /** Whether this process has to start the ranks. */
  boolean launches() {
    return rank.isEmpty() && options.numGpus() > 1;
  }

  /** Whether this process speaks to the user: one of the ranks does. */
  boolean speaks() {
    return rank.isEmpty() || rank.get().isFirst();
  }

  /** Whether this process tells the user that it was interrupted: its launcher would, or rank 0. */
  boolean tellsInterruption() {
    return speaks() && rank.map(r -> !r.launched()).orElse(true);
  }

  /**
   * Starts the ranks with this command line and waits for them.
   *
   * @param device kind of device that each of them works on
   * @return the exit code
   */
  int launch(Device device) throws Exception {
    return new Launcher(here(device), Map.of(), System.err).run();
  }

  /** Ranks of this host, as many as were asked for, that run this command line. */
  RankHosts here(Device device) {
    LocalRanks ranks = LocalRanks.of(command(), options.numGpus(), System.err);
    return device.isCpu() ? ranks.sharingCores() : ranks;
  }

  private List<String> command() {
    return SameJvm.command(
        Main.class.getName(), spec.root().commandLine().getParseResult().originalArgs());
  }

  /** Whether another launcher has started a process for each rank. */
  boolean startedElsewhere() {
    return rank.isPresent() && !rank.get().launched();
  }

  /**
   * Makes the processes that another launcher started run ranks when this one, the first, says so.
   *
   * @param onLeave is called when one of them was told to end
   * @param onLost is told when one of them is gone
   */
  RankAgents gather(Runnable onLeave, Consumer<String> onLost) {
    return RankAgents.gather(rank.orElseThrow(), command(), System.err, onLeave, onLost);
  }

  /** Runs a rank when the first process says so, until that one is gone. */
  void obeyTheFirst() throws IOException {
    RankAgent.run(rank.orElseThrow(), command());
  }

  /**
   * @throws IllegalArgumentException when there are fewer GPUs than ranks
   */
  void requireDevices(Device device) {
    if (device.isCuda() && options.numGpus() > Torch.cudaDevices()) {
      throw new IllegalArgumentException(
          "--num-gpus "
              + options.numGpus()
              + " asks for more GPUs than the "
              + Torch.cudaDevices()
              + " that LibTorch sees: lower it, or use --device cpu for CPU processes");
    }
  }

  /** See {@link RankProcess#outlastSignals}. */
  void outlastSignals(CompletableFuture<Void> work) {
    rank.orElseThrow().outlastSignals(work);
  }

  /**
   * Does the work of this process, alone or after joining the other ranks.
   *
   * @param attention of each rank's device
   * @param heads attention heads of the transformer, asked for when there are other ranks
   */
  int run(
      Values layout,
      Device device,
      Function<Device, FusedAttention> attention,
      IntSupplier heads,
      Terminal terminal,
      Work work)
      throws Exception {
    try (RankSession session = session(layout, device, attention, heads, terminal)) {
      return work.run(session);
    } catch (Exception | Error e) {
      if (rank.isEmpty()) {
        throw e;
      }
      if (spec.root().commandLine().getParseResult().originalArgs().contains("--verbose")) {
        e.printStackTrace(spec.commandLine().getErr());
      }
      rank.get().failed(e); // a launcher of ours says it once for all ranks
      return ExitCode.of(e);
    }
  }

  private RankSession session(
      Values layout,
      Device device,
      Function<Device, FusedAttention> attention,
      IntSupplier heads,
      Terminal terminal) {
    if (rank.isEmpty()) {
      new LayoutSettings(layout).resolve(1);
      return RankSession.alone(device, attention.apply(device));
    }
    return RankSession.join(
        rank.get(), layout, device, attention, heads.getAsInt(), line -> terminal.info("%s", line));
  }
}
