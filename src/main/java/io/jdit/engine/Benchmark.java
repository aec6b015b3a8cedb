package io.jdit.engine;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.StepCache;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.WeightOrigin;
import io.jdit.config.Values;
import io.jdit.family.Families;
import io.jdit.media.Picture;
import io.jdit.metrics.MemoryProbe;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DeviceWorker;
import io.jdit.tensor.Generator;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Times a model.
 *
 * @param warmup runs, or steps, before the measured ones
 * @param runs that are measured
 */
public record Benchmark(
    Path folder,
    Strategies strategies,
    int threads,
    Acceleration.Factory acceleration,
    Values request,
    int warmup,
    int runs) {

  /**
   * What was found.
   *
   * @param milliseconds of each run, by what took them
   * @param peakBytes largest memory of this process, or on its GPU
   * @param plannedBytes what it should be by {@link MemoryPlan}; 0 where nothing is planned
   * @param picture the first of the last run; null where none is drawn
   * @param flops of a step; 0 where they are not counted, as {@code bytes}
   * @param bytes that a step moves at least
   */
  public record Measured(
      Map<String, List<Double>> milliseconds,
      long peakBytes,
      long plannedBytes,
      Picture picture,
      double flops,
      double bytes) {}

  /** Times of the stages, of their sum and of the steps of whole generations. */
  public Measured stages(RankSession session) {
    Map<String, List<Double>> times = new LinkedHashMap<>();
    Picture[] first = new Picture[1];
    FrameSink sink =
        (output, frame, picture) -> {
          if (output == 0 && frame == 0) {
            first[0] = picture;
          }
        };
    long peak = 0;
    try (Engine engine = Engine.load(folder, strategies, threads, request)) {
      for (int i = 0; i < warmup + runs; i++) {
        try (Result result =
            engine.generate(request, acceleration, session.watched(new Console.Watch() {}), sink)) {
          peak = Math.max(peak, result.report().peakAllocated());
          if (i >= warmup) {
            for (StageReport.Stage s : result.report().stages()) {
              times.computeIfAbsent(s.name(), n -> new ArrayList<>()).add(s.milliseconds());
            }
            times
                .computeIfAbsent("total", n -> new ArrayList<>())
                .add(result.report().totalMilliseconds());
            times
                .computeIfAbsent("step", n -> new ArrayList<>())
                .addAll(result.report().denoiseSteps());
          }
        }
      }
    }
    return new Measured(times, peak, 0, first[0], 0, 0);
  }

  /**
   * Times of denoising steps with random weights and random conditions: what a step costs does not
   * depend on their values. Neither text encoders nor the autoencoder are made. Of one process on
   * the CPU also the part of attention, and between the steps {@code as product} and {@code as
   * copy}: the times of a step's operations in one large matrix product, and of the bytes that it
   * moves at least in one large copy.
   */
  public Measured steps() throws Exception {
    ModelFolder model = ModelFolder.open(folder);
    Family family = Families.of(model);
    Request resolved =
        family
            .parameters(model)
            .outline(request.with(RequestKeys.NUM_INFERENCE_STEPS, warmup + runs));
    try (DeviceWorker worker = Engine.worker(strategies.device(), threads)) {
      return worker.call(() -> steps(model, family, resolved));
    }
  }

  private Measured steps(ModelFolder folder, Family family, Request resolved) {
    Strategies random =
        strategies
            .withFormats(QuantizationSurvey.formats(folder, strategies))
            .withOrigin(WeightOrigin.RANDOM)
            .withPlacement(Placement.onDemand());
    boolean single = strategies.attention() instanceof FusedAttention; // one process computes it
    boolean alone = single && strategies.device().isCpu();
    TimedAttention attention = new TimedAttention(strategies.attention());
    if (alone) {
      random = random.withAttention(attention);
    }
    Map<String, List<Double>> times = new LinkedHashMap<>();
    StageReport report = Engine.report(strategies.device());
    MemoryProbe probe = DeviceProbe.of(strategies.device());
    probe.reset();
    double flops = 0;
    double bytes = 0;
    long planned = 0;
    Set<Integer> cached;
    try (Model model = family.build(folder, Profile.traced(random));
        Peak rates = new Peak(strategies);
        Generator numbers = new Generator(0);
        Generation generation =
            new Generation(model, resolved, strategies.branches(), acceleration)) {
      generation.recordWith(strategies.recorder());
      generation.encodeExample(
          shape -> numbers.randn(strategies.dtype(), shape).to(strategies.device()));
      int calls = model.guidance(resolved).most() * resolved.outputs();
      if (single) {
        ModelCost cost = ModelCost.of(this.folder, request);
        planned = MemoryPlan.denoising(this.folder, strategies, cost) + rates.bytes();
        flops = cost.transformer().flops() * calls;
        bytes = cost.transformer().moved() * calls * strategies.dtype().bytes();
      }
      while (!generation.done()) {
        attention.take();
        report.step(generation::step);
        if (alone && generation.stepsDone() > warmup) {
          times.computeIfAbsent("attention", n -> new ArrayList<>()).add(attention.take());
          times.computeIfAbsent("as product", n -> new ArrayList<>()).add(rates.product(flops));
          times.computeIfAbsent("as copy", n -> new ArrayList<>()).add(rates.copy(bytes));
        }
      }
      cached = cachedSteps(List.copyOf(generation.accelerations().values()));
    }
    for (int i = warmup; i < warmup + runs; i++) {
      times
          .computeIfAbsent(cached.contains(i) ? "cached step" : "step", n -> new ArrayList<>())
          .add(report.denoiseSteps().get(i));
    }
    long peak = probe.read().peakAllocated();
    return new Measured(times, peak, cached.isEmpty() ? planned : 0, null, flops, bytes);
  }

  private static Set<Integer> cachedSteps(List<Acceleration> accelerations) {
    return StepCache.among(accelerations).stream()
        .flatMap(c -> c.statistics().stream())
        .limit(1)
        .flatMap(s -> s.conditional().cachedSteps().stream())
        .collect(Collectors.toSet());
  }
}
