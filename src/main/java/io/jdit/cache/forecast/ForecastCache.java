package io.jdit.cache.forecast;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.RankSum;
import io.jdit.cache.StepCache;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Forecast;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keeps the last two velocities of every guidance branch and forecasts the next ones; a computed
 * velocity shows what was missed since the one before it, and the latents are moved by that. A
 * {@link Planner} chooses the steps that are computed; how far each of them is from its forecast,
 * beside what was to be expected, says how sensitive this picture is, and so what a computed step
 * is worth from there on.
 */
public final class ForecastCache implements StepCache {
  /** The name of what is cached, in tables and reports. */
  public static final String GROUP = "velocity";

  /** Share of a step by which its sigma may differ from the calibration's. */
  private static final double SIGMA_TOLERANCE = 0.5;

  /** One error changes the estimate of the sensitivity by at most this factor. */
  private static final double MOST = Math.log(4);

  /** RMS error that counts as none. */
  private static final double EXACT = 1e-6;

  /** Share of the estimate that a new error replaces. */
  private static final double LEARNING = 0.5;

  private final Outline outline;
  private final CacheConfig config;
  private final ErrorModel model;
  private final Planner planner;
  private final Pace pace;
  private final RankSum rankSum;
  private final List<String> notes = new ArrayList<>();
  private final Map<Integer, VelocityHistory> branches = new LinkedHashMap<>();
  private int planned = -1;
  private int learned = -1;
  private boolean computing;
  private boolean offLadder;
  private double sensitivity; // logarithm; 0 is a typical picture
  private int executedSteps;
  private final Map<Integer, Double> surprises = new LinkedHashMap<>();
  private long peakBytes;

  /**
   * @param config of the generation, for statistics
   * @param rankSum adds up over the ranks that share a sample, the same for all its branches; null
   *     where there is one rank
   * @param notes what the user should know
   */
  ForecastCache(
      Outline outline,
      CacheConfig config,
      ErrorModel model,
      Pace pace,
      RankSum rankSum,
      List<String> notes) {
    this.outline = outline;
    this.config = config;
    this.model = model;
    this.planner = new Planner(model);
    this.pace = pace;
    this.rankSum = rankSum;
    this.notes.addAll(notes);
  }

  @Override
  public Forecast forecast(Call call) {
    VelocityHistory branch = branches.computeIfAbsent(call.branch(), b -> new VelocityHistory());
    if (call.step() != planned) {
      planned = call.step();
      executedSteps++;
      computing = computes(call, branch);
    }
    if (computing || !branch.isFull()) {
      return null;
    }
    branch.cachedSteps().add(call.step());
    return forecast(call, branch);
  }

  /** The first branch of a step decides for all. */
  private boolean computes(Call call, VelocityHistory branch) {
    if (!offLadder && !model.fits(call.step(), call.sigma(), SIGMA_TOLERANCE)) {
      offLadder = true;
      notes.add(
          "the forecast cache computes every step from step %s on: the profile was made for other noise levels, calibrate with this size or start"
              .formatted(call.step()));
    }
    return offLadder
        || !branch.isFull()
        || planner.next(
                branch.previousStep(), branch.lastStep(), call.step(), pace.price(sensitivity))
            == call.step();
  }

  private Forecast forecast(Call call, VelocityHistory branch) {
    return branch.extrapolated(
        model.slope(call.branch(), call.step(), branch.lastStep(), branch.previousStep()));
  }

  @Override
  public Tensor computed(Call call, Tensor output) {
    VelocityHistory branch = branches.get(call.branch());
    Tensor taken = output;
    if (branch.isFull() && !offLadder) {
      double error = learn(call, branch, output);
      taken = corrected(call, branch, output, error);
    }
    branch.add(call.step(), output);
    peakBytes =
        Math.max(peakBytes, branches.values().stream().mapToLong(VelocityHistory::bytes).sum());
    return taken;
  }

  /** The velocity, and what it shows that the forecasts since the last one missed. */
  private Tensor corrected(Call call, VelocityHistory branch, Tensor output, double error) {
    int k = call.step();
    int l = branch.lastStep();
    int p = branch.previousStep();
    if (model.correction() == Correction.NONE || k == l + 1) {
      return output;
    }
    double share = model.correction().share(model.expected(call.branch(), k, l, p), error);
    return branch
        .corrected(
            output,
            model.slope(call.branch(), k, l, p),
            share * model.correction(call.branch(), k, l, p),
            call.nextSigma() - call.sigma())
        .value();
  }

  /** RMS of the forecast's error. */
  private double learn(Call call, VelocityHistory branch, Tensor output) {
    double error;
    double length;
    try (TensorScope scope = TensorScope.open()) {
      Tensor actual = output.to(DType.FLOAT32);
      Tensor off = actual.sub(forecast(call, branch).value().to(DType.FLOAT32));
      error = largestMeanSquare(off);
      length = largestMeanSquare(actual);
    }
    branch.errors().put(call.step(), List.of(Math.sqrt(error / length)));
    if (call.step() != learned) {
      learned = call.step();
      double expected = model.expected(0, call.step(), branch.lastStep(), branch.previousStep());
      double surprise = Math.log((Math.sqrt(onAllRanks(error)) + EXACT) / (expected + EXACT));
      surprises.put(call.step(), surprise);
      double unusual = Math.max(-MOST, Math.min(MOST, surprise - pace.norm()[call.step()]));
      sensitivity += LEARNING * (unusual - sensitivity);
    }
    return Math.sqrt(error);
  }

  /** The same number on all ranks of a sample, which is the positive branch's. */
  private double onAllRanks(double error) {
    if (rankSum == null) {
      return error;
    }
    float[] sums = rankSum.over((float) error, 1);
    return sums[0] / sums[1];
  }

  /** Of several outputs of a request, the most demanding one decides. */
  private static double largestMeanSquare(Tensor rows) {
    return rows.mul(rows).reshape(rows.size(0), -1).mean(1, false).max().item();
  }

  @Override
  public String expert() {
    return outline.expert();
  }

  int executedSteps() {
    return executedSteps;
  }

  /** Steps of the first branch that were forecast. */
  int cachedSteps() {
    return statistics().get(0).conditional().cachedSteps().size();
  }

  /** By computed step, the logarithm of the forecast's error over the expected one. */
  Map<Integer, Double> surprises() {
    return surprises;
  }

  @Override
  public BlockRunner runner() {
    return BlockRunner.direct();
  }

  @Override
  public boolean sharesBatches() {
    return true;
  }

  @Override
  public long peakBytes() {
    return peakBytes;
  }

  @Override
  public List<CacheStatistics> statistics() {
    return List.of(
        new CacheStatistics(
            outline.expert(),
            GROUP,
            0,
            config,
            branch(0),
            branch(1),
            executedSteps,
            executedSteps,
            executedSteps,
            executedSteps));
  }

  private CacheStatistics.Branch branch(int index) {
    return branches.getOrDefault(index, new VelocityHistory()).statistics();
  }

  @Override
  public List<String> notes() {
    return List.copyOf(notes);
  }

  @Override
  public void close() {
    branches.values().forEach(VelocityHistory::close);
  }
}
