package io.jdit.cache.tune;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheSection;
import java.util.List;
import java.util.Locale;

/**
 * What a search found.
 *
 * @param best the best settings that meet the goal on every sample; null when none does
 * @param meeting all that meet it, best first
 * @param front settings measured on every sample that no other ones beat in both respects, fastest
 *     first
 * @param runs cached generations made
 */
public record TuningResult(
    Candidate best, List<Candidate> meeting, List<Candidate> front, int runs) {
  public TuningResult {
    meeting = List.copyOf(meeting);
    front = List.copyOf(front);
  }

  /** The front as a table with tags. */
  public String table() {
    StringBuilder table = new StringBuilder("blocks  measured  worst dB  settings\n");
    for (Candidate c : front) {
      table.append(
          String.format(
              Locale.ROOT,
              "%5.2fx  %7.2fx  %8.2f  %s%s\n",
              c.speedup(),
              c.measuredSpeedup(),
              c.worstPsnr(),
              CacheConfig.of(c.settings()).tag(),
              c == best ? "  <- best" : ""));
    }
    return table.toString();
  }

  /**
   * The best settings as a configuration file.
   *
   * @throws IllegalStateException when nothing meets the goal
   */
  public String yaml() {
    if (best == null) {
      throw new IllegalStateException("no settings met the goal: " + runs + " generations tried");
    }
    return yaml(best);
  }

  /** Settings of a search as a configuration file, with how they did in it. */
  public static String yaml(Candidate best) {
    return String.format(
            Locale.ROOT,
            "# %.2fx fewer block runs (%.2fx less time in blocks), worst PSNR %.2f dB over %d samples\n",
            best.speedup(),
            best.measuredSpeedup(),
            best.worstPsnr(),
            best.measurements().size())
        + CacheSection.toYaml(best.settings());
  }
}
