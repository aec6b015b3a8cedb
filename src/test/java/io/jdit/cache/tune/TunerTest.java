package io.jdit.cache.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheSection;
import io.jdit.cache.StepMask;
import io.jdit.cache.StepsPolicy;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class TunerTest {
  /**
   * A model whose quality is known: every cached step costs as many dB as computed steps are away,
   * samples differ in how much, and the first half of the steps weighs double.
   */
  private static final class KnownModel implements TuningModel {
    private static final int STEPS = 20;
    private static final int BLOCKS = 10;
    private final int samples;
    private final List<String> calls = new ArrayList<>();

    KnownModel(int samples) {
      this.samples = samples;
    }

    @Override
    public int steps() {
      return STEPS;
    }

    @Override
    public int samples() {
      return samples;
    }

    @Override
    public Measurement run(Values settings, int index) {
      calls.add(index + " " + settings);
      StepMask mask = CacheConfig.of(settings).forGeneration(STEPS, 1).stepsComputationMask();
      double loss = 0;
      int computed = 0;
      int distance = 0;
      for (int s = 0; s < STEPS; s++) {
        boolean computes = mask == null ? s % 2 == 0 : s == 0 || mask.computes(s);
        computed += computes ? 1 : 0;
        distance = computes ? 0 : distance + 1;
        loss += distance * (s < STEPS / 2 ? 2 : 1);
      }
      double work = (computed + (STEPS - computed) / (double) BLOCKS) / STEPS;
      return new Measurement(60 - loss * (1 + 0.1 * index) / 2, work, 100 * work, 100);
    }
  }

  @Test
  void whatDoesNotHoldOnUnseenSamplesIsNotChosen() {
    TuningGoal goal = new TuningGoal.Quality(36);
    TuningResult result = new Tuner(new KnownModel(2), goal, 400, line -> {}).run();
    List<String> failed = new ArrayList<>();
    // Four samples: the last ones lose more than those that the search saw.
    Validation validation = Validation.first(result, goal, new KnownModel(4), failed::add);
    assertThat(failed).isNotEmpty().allMatch(l -> l.contains("does not hold on unseen samples"));
    assertThat(validation.unseen().worstPsnr()).isGreaterThanOrEqualTo(36);
    assertThat(validation.unseen().measurements()).hasSize(4);
    assertThat(result.meeting().indexOf(validation.chosen())).isEqualTo(failed.size());
    assertThat(validation.toString()).startsWith("4 unseen samples: ");
    assertThat(Validation.first(result, goal, new KnownModel(40), line -> {})).isNull();
  }

  /** The least work that reaches a PSNR, by trying every mask. */
  private static double leastWork(KnownModel model, double psnr) {
    double least = 1;
    for (int bits = 0; bits < 1 << KnownModel.STEPS; bits += 1) {
      if (Integer.bitCount(bits) > 9 || (bits & 1) == 0) {
        continue;
      }
      double loss = 0;
      int distance = 0;
      for (int s = 0; s < KnownModel.STEPS; s++) {
        distance = (bits >> s & 1) == 1 ? 0 : distance + 1;
        loss += distance * (s < KnownModel.STEPS / 2 ? 2 : 1);
      }
      if (60 - loss * (1 + 0.1 * (model.samples() - 1)) / 2 >= psnr) {
        int computed = Integer.bitCount(bits);
        double cached = (KnownModel.STEPS - computed) / (double) KnownModel.BLOCKS;
        least = Math.min(least, (computed + cached) / KnownModel.STEPS);
      }
    }
    return least;
  }

  @Test
  void findsTheFastestSettingsOfAQuality() {
    KnownModel model = new KnownModel(4);
    TuningResult result = new Tuner(model, new TuningGoal.Quality(36), 600, line -> {}).run();
    assertThat(result.best().worstPsnr()).isGreaterThanOrEqualTo(36);
    assertThat(1 / result.best().speedup()).isEqualTo(leastWork(model, 36), Offset.offset(1e-9));
    assertThat(result.best().measurements()).hasSize(4);
    assertThat(result.runs()).isEqualTo(model.calls.size()).isLessThanOrEqualTo(600);
  }

  @Test
  void findsTheBestQualityOfASpeed() {
    KnownModel model = new KnownModel(3);
    TuningResult result = new Tuner(model, new TuningGoal.Speed(2.5), 600, line -> {}).run();
    assertThat(result.best().speedup()).isGreaterThanOrEqualTo(2.5);
    // Nothing faster than 2.5 exists that is better: the least work of a higher quality is more.
    assertThat(leastWork(model, result.best().worstPsnr() + 0.5)).isGreaterThan(1 / 2.5);
  }

  @Test
  void theFrontHoldsNothingThatIsBeatenInBothRespects() {
    TuningResult result =
        new Tuner(new KnownModel(2), new TuningGoal.Quality(40), 300, line -> {}).run();
    List<Candidate> front = result.front();
    assertThat(front).contains(result.best());
    for (int i = 1; i < front.size(); i++) {
      assertThat(front.get(i).speedup()).isLessThan(front.get(i - 1).speedup());
      assertThat(front.get(i).worstPsnr()).isGreaterThan(front.get(i - 1).worstPsnr());
    }
  }

  @Test
  void anUnreachableGoalSaysSoAndStillShowsTheFront() {
    TuningResult result =
        new Tuner(new KnownModel(1), new TuningGoal.Quality(200), 60, line -> {}).run();
    assertThat(result.best()).isNull();
    assertThat(result.front()).isNotEmpty();
    assertThatThrownBy(result::yaml).hasMessageContaining("no settings met the goal");
  }

  @Test
  void aSmallBudgetIsKeptAndATooSmallOneRefused() {
    KnownModel model = new KnownModel(4);
    TuningResult result = new Tuner(model, new TuningGoal.Quality(36), 64, line -> {}).run();
    assertThat(result.runs()).isLessThanOrEqualTo(64);
    assertThatThrownBy(() -> new Tuner(model, new TuningGoal.Quality(36), 31, line -> {}))
        .hasMessageContaining("a budget of 31 generations is too small: 32 are needed");
  }

  @Test
  void noSettingsAreMeasuredTwiceOnOneSample() {
    KnownModel model = new KnownModel(3);
    new Tuner(model, new TuningGoal.Quality(36), 400, line -> {}).run();
    Set<String> distinct = new HashSet<>(model.calls);
    assertThat(model.calls).hasSameSizeAs(distinct);
  }

  @Test
  void theBestSettingsAreWrittenAsAFileThatReadsBack() {
    TuningResult result =
        new Tuner(new KnownModel(2), new TuningGoal.Quality(36), 300, line -> {}).run();
    SettingsFile file = SettingsFile.parse(result.yaml(), "tuned.yaml", UnknownKeys.REJECT);
    assertThat(CacheSection.of(file).settings()).isEqualTo(result.best().settings());
    assertThat(CacheSection.of(file).settings().get(CacheKeys.STEPS_COMPUTATION_POLICY))
        .isEqualTo(StepsPolicy.STATIC);
  }

  @Test
  void masksOfTheGridWidenTheirGaps() {
    assertThat(CandidateGrid.mask(12, 2, 3, 0)).hasToString("110010010010");
    assertThat(CandidateGrid.mask(16, 1, 2, 1)).hasToString("1010010001000010");
    assertThat(MaskMoves.shortened(StepMask.parse("1011")))
        .containsExactly(StepMask.parse("1010"), StepMask.parse("1001"));
    assertThat(MaskMoves.lengthened(StepMask.parse("100010")))
        .containsExactly(
            StepMask.parse("101010"),
            StepMask.parse("110010"),
            StepMask.parse("100110"),
            StepMask.parse("100011"));
    assertThat(MaskMoves.shifted(StepMask.parse("10010")))
        .containsExactly(StepMask.parse("11000"), StepMask.parse("10100"), StepMask.parse("10001"));
  }
}
