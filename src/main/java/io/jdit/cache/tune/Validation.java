package io.jdit.cache.tune;

import io.jdit.metrics.Median;
import io.jdit.metrics.QuantileBound;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Settings that met the goal on the samples of a search, on others that the search did not see.
 *
 * @param chosen as the search measured them
 * @param unseen the same settings on the other samples
 * @param tried settings that were measured on these: what is said of the chosen ones holds for all
 *     of them at once (Bonferroni), since the choice flatters them
 */
public record Validation(Candidate chosen, Candidate unseen, int tried) {
  private static final double SHARE = 0.05;
  private static final double CONFIDENCE = 0.9;

  /**
   * The best settings of a search that keep the goal on unseen samples; null when none do.
   *
   * @param unseen the model with samples that the search did not use
   * @param progress hears one line for each that failed
   */
  public static Validation first(
      TuningResult result, TuningGoal goal, TuningModel unseen, Consumer<String> progress) {
    int tried = 0;
    for (Candidate candidate : result.meeting()) {
      tried++;
      Candidate again = new Candidate(candidate.settings());
      for (int i = 0; i < unseen.samples() && (i == 0 || goal.isKept(again)); i++) {
        again.add(unseen.run(candidate.settings(), i));
      }
      if (goal.isKept(again)) {
        return new Validation(candidate, again, tried);
      }
      progress.accept(
          String.format(
              Locale.ROOT,
              "%.2fx at %.2f dB does not hold on unseen samples: %.2f dB",
              candidate.speedup(),
              candidate.worstPsnr(),
              again.worstPsnr()));
    }
    return null;
  }

  /** What is to be expected of new samples, in one line. */
  @Override
  public String toString() {
    double[] psnr =
        unseen.measurements().stream().mapToDouble(TuningModel.Measurement::psnr).toArray();
    QuantileBound bound = QuantileBound.of(psnr, SHARE, 1 - (1 - CONFIDENCE) / tried);
    return String.format(
        Locale.ROOT,
        "%d unseen samples: %.2fx, median %.2f dB, worst %.2f dB; 95 %% of new ones reach %.2f dB with a confidence of %.2f",
        psnr.length,
        unseen.speedup(),
        Median.of(unseen.measurements().stream().map(TuningModel.Measurement::psnr).toList()),
        unseen.worstPsnr(),
        bound.value(),
        Math.max(0, 1 - tried * (1 - bound.confidence())));
  }
}
