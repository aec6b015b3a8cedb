package io.jdit.parallel;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.media.Picture;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.transformer.Acceleration;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;

/** A rank of {@link FluxParallelTest}: runs all cases of its world and writes what came out. */
final class FluxRank {
  private final ProcessGroup world;
  private final PrintWriter out;

  private FluxRank(ProcessGroup world, PrintWriter out) {
    this.world = world;
    this.out = out;
  }

  /**
   * @param args folder of the results
   */
  public static void main(String[] args) throws Exception {
    RankProcess process = RankProcess.start(System.getenv(), Duration.ofSeconds(60)).orElseThrow();
    try (ProcessGroup world = process.join(Device.CPU);
        PrintWriter out =
            new PrintWriter(
                Path.of(args[0], "rank" + world.rank() + ".tsv").toFile(),
                StandardCharsets.UTF_8)) {
      for (FluxCase c : FluxCase.of(world.size())) {
        process.stage(c.name());
        long live = LeakDetector.live();
        new FluxRank(world, out).run(c);
        out.println("live\t" + (LeakDetector.live() - live));
      }
    } catch (Throwable e) {
      process.failed(e);
      e.printStackTrace();
      System.exit(1);
    }
    System.exit(0);
  }

  private void run(FluxCase c) throws Exception {
    Strategies options = Strategies.cpu().withDtype(c.dtype());
    try (Fixture f = new Fixture(c.fixture());
        ParallelModel parallel = new ParallelModel(c.config(), world, new FusedAttention())) {
      Values request = c.request(f);
      try (Engine engine = Engine.load(f.pipeline(), parallel.apply(options))) {
        parallelTraffic(parallel).reset();
        try (Result r = engine.generate(request, acceleration(c, f, parallel), Progress.NONE)) {
          double deviation = world.rank() == 0 ? deviation(c, f, request, options, r) : Double.NaN;
          out.println(
              String.join(
                  "\t",
                  c.name(),
                  String.format(Locale.ROOT, "%.3g", deviation),
                  sha(r.latents().toBytes()),
                  sha(r.pictures().get(0).rgb()),
                  bytes(parallel, Collective.ALL_TO_ALL),
                  bytes(parallel, Collective.POINT_TO_POINT),
                  bytes(parallel, Collective.ALL_REDUCE),
                  bytes(parallel, Collective.ALL_GATHER),
                  cachedSteps(r)));
        }
      }
    }
  }

  private static Acceleration.Factory acceleration(FluxCase c, Fixture f, ParallelModel parallel) {
    if (c.cache() == null) {
      return Acceleration.none();
    }
    SettingsFile file =
        SettingsFile.parse(c.cacheRun(f).path("yaml").asString(), c.name(), UnknownKeys.REJECT);
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    boolean oneDecision = !resolved.config().cfgDiffComputeSeparate();
    return BlockCache.factory(
        resolved, oneDecision ? parallel::firstBranchSum : parallel::sampleSum);
  }

  private static String cachedSteps(Result result) {
    return StepCache.among(result.accelerations()).stream()
        .map(cache -> cache.statistics().get(0).conditional().cachedSteps().toString())
        .findFirst()
        .orElse("-");
  }

  private static Traffic parallelTraffic(ParallelModel parallel) {
    return parallel.groups().world().traffic();
  }

  private static String bytes(ParallelModel parallel, Collective kind) {
    return Long.toString(parallel.groups().bytesSent(kind));
  }

  /** Largest deviation of the final latents, relative to the largest magnitude. */
  private double deviation(FluxCase c, Fixture f, Values request, Strategies options, Result r)
      throws Exception {
    try (TensorScope scope = TensorScope.open()) {
      if (c.request() != null) {
        boolean tiled = c.config().modules().contains(ParallelConfig.VAE);
        try (Engine alone = Engine.load(f.pipeline(), options.withVaeTiling(tiled));
            Result expected = alone.generate(request)) {
          Picture picture = expected.pictures().get(0);
          out.println("picture\t" + c.name() + "\t" + sha(picture.rgb()));
          return deviation(r.latents(), expected.latents());
        }
      }
      Tensor expected;
      if (c.cache() != null) {
        expected = f.tensor("cache." + c.cache() + ".final_latents");
      } else if (c.run().equals("call")) {
        Tensor steps = f.tensor("latents_steps");
        expected = steps.select(0, steps.size(0) - 1);
      } else {
        expected = f.tensor("run." + c.run() + ".final_latents");
      }
      return deviation(r.latents(), expected);
    }
  }

  private static double deviation(Tensor actual, Tensor expected) {
    double[] a = actual.toDoubles();
    double[] e = expected.toDoubles();
    double worst = 0;
    double largest = 0;
    for (int i = 0; i < e.length; i++) {
      double d = Math.abs(a[i] - e[i]);
      worst = Double.isNaN(d) ? Double.POSITIVE_INFINITY : Math.max(worst, d);
      largest = Math.max(largest, Math.abs(e[i]));
    }
    return worst / largest;
  }

  private static String sha(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 8);
  }
}
