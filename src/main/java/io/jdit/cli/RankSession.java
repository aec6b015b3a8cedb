package io.jdit.cli;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.RankSum;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.LayoutChoice;
import io.jdit.parallel.Mesh;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.ParallelModel;
import io.jdit.parallel.ParallelSettings;
import io.jdit.parallel.ProcessGroup;
import io.jdit.parallel.RankProcess;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Progress;
import io.jdit.tensor.Device;

/** This process's part of a run: alone, or a rank among others. */
final class RankSession implements AutoCloseable {
  private final RankProcess process;
  private final ProcessGroup world;
  private final ParallelModel parallel;
  private final Device device;

  private RankSession(
      RankProcess process, ProcessGroup world, ParallelModel parallel, Device device) {
    this.process = process;
    this.world = world;
    this.parallel = parallel;
    this.device = device;
  }

  /** A run of one process. */
  static RankSession alone(Device device) {
    return new RankSession(null, null, null, device);
  }

  /**
   * Joins the other ranks and makes the groups of the layout.
   *
   * @param heads attention heads of the transformer: they decide about an automatic layout
   */
  static RankSession join(
      RankProcess process,
      ParallelSettings settings,
      Device requested,
      int heads,
      Terminal terminal) {
    ParallelConfig config = config(settings, process.environment().size(), heads, terminal);
    Device device = process.device(requested);
    ProcessGroup world = process.join(device);
    return new RankSession(
        process, world, new ParallelModel(config, world, new FusedAttention()), device);
  }

  /** The layout of {@code size} ranks; one that is chosen is said, with the reason. */
  static ParallelConfig config(ParallelSettings settings, int size, int heads, Terminal terminal) {
    if (size == 1) {
      return settings.resolve(1);
    }
    if (settings.givesLayout()) {
      ParallelConfig config = settings.resolve(size);
      config.requireHeads(heads);
      terminal.info("layout %s", config.mesh());
      return config;
    }
    LayoutChoice choice = LayoutChoice.automatic(settings, size, heads);
    Mesh mesh = choice.mesh();
    terminal.info("layout %s: %s", mesh, choice.reason());
    return new ParallelSettings(
            mesh.ulysses(),
            mesh.ring(),
            mesh.tp(),
            mesh.dp(),
            settings.cfgParallel(),
            settings.ulyssesAnything(),
            settings.ulyssesFloat8(),
            settings.ulyssesAsync(),
            null,
            settings.attentionBackend(),
            settings.modules())
        .resolve(size);
  }

  Device device() {
    return device;
  }

  LoadOptions apply(LoadOptions options) {
    return parallel == null ? options : ParallelLoading.apply(options, parallel);
  }

  /** What the cache decides by; null when this rank sees everything. */
  RankSum rankSum(ResolvedCacheConfig cache) {
    if (parallel == null) {
      return null;
    }
    boolean oneDecision = branchesApart() && !cache.config().cfgDiffComputeSeparate();
    return oneDecision ? parallel::firstBranchSum : parallel::sampleSum;
  }

  private boolean branchesApart() {
    return parallel != null && parallel.config().mesh().cfg() > 1;
  }

  Mesh mesh() {
    return parallel == null ? Mesh.single() : parallel.config().mesh();
  }

  /** Replicas that share the prompts. */
  int replicas() {
    return parallel == null ? 1 : parallel.config().mesh().dp();
  }

  int replica() {
    return parallel == null
        ? 0
        : parallel.config().mesh().coordinate(world.rank(), Mesh.Dimension.DP);
  }

  /** The ranks that work on one request together, this one among them. */
  ProcessGroup replicaGroup() {
    return parallel == null ? ProcessGroup.single() : parallel.groups().replica();
  }

  /** The number of the first of all ranks. */
  long broadcast(long value) {
    return world == null ? value : world.broadcast(value, 0);
  }

  /** True on the first of all ranks: what concerns all of them is said there. */
  boolean first() {
    return world == null || world.rank() == 0;
  }

  /** True on the rank of a replica that writes its files. */
  boolean writes() {
    return parallel == null || world.rank() % (world.size() / replicas()) == 0;
  }

  /** Tells the launcher what this rank is doing, besides what {@code progress} does. */
  Progress watched(Progress progress) {
    if (process == null) {
      return progress;
    }
    return new Progress() {
      @Override
      public void stage(String name) {
        process.stage(name);
        progress.stage(name);
      }

      @Override
      public void step(int done, int total) {
        progress.step(done, total);
      }
    };
  }

  void stage(String name) {
    if (process != null) {
      process.stage(name);
    }
  }

  /**
   * Waits for all ranks: none ends while another still needs it.
   *
   * @return the largest resident memory of each, in bytes
   */
  long[] finish(StageReport report) {
    return (world == null ? ProcessGroup.single() : world).gather(report.peakResident());
  }

  @Override
  public void close() {
    if (parallel != null) {
      parallel.close();
      world.close();
    }
  }
}
