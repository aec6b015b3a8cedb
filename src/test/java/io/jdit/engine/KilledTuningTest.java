package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.cache.CacheSection;
import io.jdit.cache.forecast.Evidence;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.ProfileFile;
import io.jdit.cache.tune.Tuner;
import io.jdit.cache.tune.TuningGoal;
import io.jdit.cache.tune.TuningModel;
import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What takes long goes on where it was stopped. */
class KilledTuningTest {
  private static Engine engine;

  @TempDir Path folder;

  @BeforeAll
  static void load() {
    engine = Engine.load(Path.of("models/shapes"), Strategies.cpu());
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  /** Stops the task at a line. */
  private static final class Lines implements Consumer<String> {
    private final List<String> lines = new ArrayList<>();
    private final String last;

    Lines(String last) {
      this.last = last;
    }

    @Override
    public void accept(String line) {
      lines.add(line);
      if (line.equals(last)) {
        throw new IllegalStateException("killed");
      }
    }
  }

  private static List<Values> requests(int count) {
    List<Values> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      requests.add(
          Values.of(RequestKeys.PROMPT, "a red circle on a white background")
              .with(RequestKeys.SEED, BigInteger.valueOf(i))
              .with(RequestKeys.NUM_INFERENCE_STEPS, 4)
              .with(RequestKeys.TRUE_CFG_SCALE, 1.0));
    }
    return requests;
  }

  @Test
  void aValidationIsNotRunTwice() throws Exception {
    Path profile = folder.resolve("p.json");
    Path journal = folder.resolve("p.json.progress");
    Lines killed = new Lines("validation 2/6");
    assertThatThrownBy(() -> new ProfileMaking(engine, requests(18), profile, killed).run())
        .hasMessage("killed");
    assertThat(ProfileFile.read(profile).levels()).allMatch(l -> l.evidence() == null);
    assertThat(journal).exists();
    Lines resumed = new Lines(null);
    ForecastProfile made = new ProfileMaking(engine, requests(18), profile, resumed).run();
    assertThat(resumed.lines).doesNotContain("calibration 12/12", "validation 1/6");
    assertThat(resumed.lines)
        .endsWith(
            "validation 2/6",
            "validation 3/6",
            "validation 4/6",
            "validation 5/6",
            "validation 6/6");
    assertThat(journal).doesNotExist();
    assertThat(made.prompts()).isEqualTo(12);
    Evidence evidence = made.levels().get(0).evidence();
    assertThat(evidence.samples()).isEqualTo(6);
    assertThat(evidence.bound()).isEqualTo(evidence.worstPsnr());
    assertThat(ProfileFile.read(profile).levels().get(0).evidence()).isEqualTo(evidence);
  }

  @Test
  void aCalibrationGoesOnToTheSameProfile() throws Exception {
    Path whole = folder.resolve("whole.json");
    Path parts = folder.resolve("parts.json");
    new ProfileMaking(engine, requests(4), whole, l -> {}).run();
    for (String last : List.of("calibration 2/4", "level 1.5 done")) {
      assertThatThrownBy(() -> new ProfileMaking(engine, requests(4), parts, new Lines(last)).run())
          .hasMessage("killed");
      assertThat(parts).doesNotExist();
    }
    Lines resumed = new Lines(null);
    new ProfileMaking(engine, requests(4), parts, resumed).run();
    assertThat(resumed.lines).contains("level 1.5 done").doesNotContain("calibration 4/4");
    assertThat(parts).hasSameBinaryContentAs(whole);
  }

  @Test
  void otherRequestsAreBegunAnew() {
    Path profile = folder.resolve("p.json");
    assertThatThrownBy(
        () -> new ProfileMaking(engine, requests(17), profile, new Lines("validation 1/5")).run());
    Lines other = new Lines("calibration 1/12");
    assertThatThrownBy(() -> new ProfileMaking(engine, requests(18), profile, other).run());
    assertThat(other.lines).containsExactly("calibration 1/12");
  }

  /** Counts its runs and stops at one of them. */
  private static final class Counted implements TuningModel {
    private final int last;
    private int runs;

    Counted(int last) {
      this.last = last;
    }

    @Override
    public int steps() {
      return 8;
    }

    @Override
    public int samples() {
      return 2;
    }

    @Override
    public Measurement run(Values settings, int index) {
      if (++runs == last) {
        throw new IllegalStateException("killed");
      }
      int hash = Math.floorMod(CacheSection.toYaml(settings).hashCode() + index, 1000);
      return new Measurement(30 + hash / 100.0, 0.2 + hash / 2000.0, 1, 2);
    }
  }

  @Test
  void aSearchGoesOnToTheSameEnd() throws Exception {
    Path result = folder.resolve("best.yaml");
    TuningGoal goal = new TuningGoal.Quality(33);
    Counted whole = new Counted(-1);
    var expected = new Tuner(whole, goal, 60, l -> {}).run();
    JournaledTuning killed = new JournaledTuning(new Counted(31), result, engine, requests(2));
    assertThatThrownBy(() -> new Tuner(killed, goal, 60, l -> {}).run()).hasMessage("killed");
    Counted rest = new Counted(-1);
    JournaledTuning resumed = new JournaledTuning(rest, result, engine, requests(2));
    assertThat(resumed.known()).isEqualTo(30);
    var found = new Tuner(resumed, goal, 60, l -> {}).run();
    assertThat(found.best().settings()).isEqualTo(expected.best().settings());
    // Settings that only differ in what they do not use are one.
    assertThat(rest.runs).isBetween(1, whole.runs - 30);
    resumed.delete();
    assertThat(folder).isEmptyDirectory();
  }
}
