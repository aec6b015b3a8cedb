package io.jdit.engine;

import io.jdit.attention.AttentionKernel;
import io.jdit.attention.FusedAttention;
import io.jdit.cache.CacheType;
import io.jdit.cache.RankSum;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.forecast.ForecastStrategy;
import io.jdit.cache.forecast.ProfileSource;
import io.jdit.config.Values;
import io.jdit.metrics.Machine;
import io.jdit.metrics.StageReport;
import io.jdit.offload.Offload;
import io.jdit.parallel.LayoutChoice;
import io.jdit.parallel.LayoutSettings;
import io.jdit.parallel.Mesh;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.ParallelModel;
import io.jdit.parallel.ProcessGroup;
import io.jdit.parallel.RankProcess;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.zip.CRC32;

/** This process's part of a run: alone, or a rank among others. */
public final class RankSession implements AutoCloseable {
  private final RankProcess process;
  private final ProcessGroup world;
  private final ParallelModel parallel;
  private final Device device;
  private final FusedAttention attention;
  private final int neighbours; // ranks that share the machine's memory, this one among them

  private RankSession(
      RankProcess process,
      ProcessGroup world,
      ParallelModel parallel,
      Device device,
      FusedAttention attention) {
    this.process = process;
    this.world = world;
    this.parallel = parallel;
    this.device = device;
    this.attention = attention;
    this.neighbours = world == null ? 1 : neighbours(world);
  }

  /** A run of one process. */
  public static RankSession alone(Device device, FusedAttention attention) {
    return new RankSession(null, null, null, device, attention);
  }

  /**
   * Joins the other ranks and makes the groups of the layout.
   *
   * @param attention on the device of this rank
   * @param heads attention heads of the transformer: they decide about an automatic layout
   */
  public static RankSession join(
      RankProcess process,
      Values settings,
      Device requested,
      Function<Device, FusedAttention> attention,
      int heads,
      Consumer<String> notes) {
    ParallelConfig config = config(settings, process.environment().size(), heads, notes);
    Device device = process.device(requested);
    ProcessGroup world = process.join(device);
    FusedAttention local = attention.apply(device);
    return new RankSession(process, world, new ParallelModel(config, world, local), device, local);
  }

  private static int neighbours(ProcessGroup world) {
    String machine = Machine.identity();
    return (int) world.gather(machine).stream().filter(machine::equals).count();
  }

  /** The layout of {@code size} ranks; it is said, with the reason where it was chosen. */
  public static ParallelConfig config(
      Values settings, int size, int heads, Consumer<String> notes) {
    LayoutChoice choice = new LayoutSettings(settings).choose(size, heads);
    if (size > 1) {
      notes.accept(choice.toString());
    }
    return choice.config();
  }

  public Device device() {
    return device;
  }

  /** {@code strategies} with this rank's share of the work. */
  public Strategies apply(Strategies strategies) {
    // What ranks exchange between blocks' operations is not recorded.
    Strategies shared =
        parallel == null
            ? strategies.withAttention(attention)
            : parallel.apply(strategies).withGraphs(false);
    return shared.withPlacement(Offload.among(neighbours, shared.placement()));
  }

  /**
   * Makes the cache of each generation, deciding with the ranks that share a sample.
   *
   * @param profiles of the model
   */
  public ForecastStrategy cache(ResolvedCacheConfig cache, ProfileSource profiles) {
    return new ForecastStrategy(cache, rankSum(cache), profiles);
  }

  private RankSum rankSum(ResolvedCacheConfig cache) {
    if (parallel == null) {
      return null;
    }
    boolean oneDecision =
        mesh().cfg() > 1
            && (!cache.config().cfgDiffComputeSeparate()
                || cache.config().type() == CacheType.FORECAST);
    return oneDecision ? parallel::firstBranchSum : parallel::sampleSum;
  }

  /** How attention is computed on this rank. */
  public AttentionKernel kernel() {
    return attention.kernel();
  }

  public Mesh mesh() {
    return parallel == null ? Mesh.single() : parallel.config().mesh();
  }

  /** Replicas that share the prompts. */
  public int replicas() {
    return parallel == null ? 1 : parallel.config().mesh().dp();
  }

  public int replica() {
    return parallel == null
        ? 0
        : parallel.config().mesh().coordinate(world.rank(), Mesh.Dimension.DP);
  }

  /** The ranks that work on one request together, this one among them. */
  public ProcessGroup replicaGroup() {
    return parallel == null ? ProcessGroup.single() : parallel.groups().replica();
  }

  /** The number of the first of all ranks. */
  long broadcast(long value) {
    return world == null ? value : world.broadcast(value, 0);
  }

  /** Number of this process among all ranks. */
  public int rank() {
    return world == null ? 0 : world.rank();
  }

  /** Number of all ranks. */
  public int ranks() {
    return world == null ? 1 : world.size();
  }

  /** True on the first of all ranks: what concerns all of them is said there. */
  public boolean first() {
    return world == null || world.rank() == 0;
  }

  /** True on the rank of a replica that writes its files. */
  public boolean writes() {
    return parallel == null || world.rank() % (world.size() / replicas()) == 0;
  }

  /** Tells the launcher what this rank is doing, besides what {@code watch} does. */
  Console.Watch watched(Console.Watch watch) {
    if (process == null) {
      return watch;
    }
    return new Console.Watch() {
      @Override
      public void stage(String name) {
        process.stage(name);
        watch.stage(name);
      }

      @Override
      public void expert(String component) {
        watch.expert(component);
      }

      @Override
      public void step(int done, int total) {
        watch.step(done, total);
      }

      @Override
      public void close() {
        watch.close();
      }
    };
  }

  /** Says which picture is complete: the launcher prints what its ranks above 0 wrote. */
  public boolean passesOn(String path) {
    return process != null && process.print(path);
  }

  public void stage(String name) {
    if (process != null) {
      process.stage(name);
    }
  }

  /**
   * Checks that the ranks of a replica are about to do the same: launchers of others may give them
   * different command lines or files.
   *
   * @param what it is about, for the message
   * @throws IllegalStateException naming the ranks that differ
   */
  void requireSame(String what, List<?> tasks) {
    if (parallel != null) {
      CRC32 checksum = new CRC32();
      tasks.forEach(t -> checksum.update(t.toString().getBytes(StandardCharsets.UTF_8)));
      parallel.requireSame(what, checksum.getValue());
    }
  }

  /**
   * Waits for all ranks: none ends while another still needs it.
   *
   * @return the largest resident memory of each, in bytes
   */
  long[] finish(StageReport report) {
    return all().gather(report.peakAllocated());
  }

  /** The pictures of all replicas, in the order of the ranks. */
  List<SavedPicture> gather(List<SavedPicture> mine) {
    String lines =
        mine.stream().map(p -> p.seed() + " " + p.path() + "\n").collect(Collectors.joining());
    List<SavedPicture> pictures = new ArrayList<>();
    for (String text : all().gather(lines)) {
      text.lines()
          .map(l -> l.split(" ", 2))
          .forEach(l -> pictures.add(new SavedPicture(Path.of(l[1]), new BigInteger(l[0]))));
    }
    return pictures;
  }

  private ProcessGroup all() {
    return world == null ? ProcessGroup.single() : world;
  }

  @Override
  public void close() {
    if (parallel != null) {
      parallel.close();
      world.close();
    }
  }
}
