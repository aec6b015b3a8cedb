package io.jdit.cache.forecast;

import io.jdit.config.ConfigException;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What a calibration found out about a model.
 *
 * @param conditions that it holds for
 * @param prompts uncached runs that it was made from
 * @param experts by component name
 * @param levels speeds that it is ready for, at least one, slowest first
 */
public record ForecastProfile(
    Conditions conditions, int prompts, Map<String, ExpertProfile> experts, List<Level> levels) {
  /** Confidence in what a level promises. */
  public static final double CONFIDENCE = 0.9;

  public ForecastProfile {
    Required.given("conditions", conditions);
    Required.given("experts", experts);
    Required.given("levels", levels);
    experts = Map.copyOf(experts);
    Required.that(!experts.isEmpty() && !levels.isEmpty(), "a profile needs experts and levels");
    levels = levels.stream().sorted(Comparator.comparingDouble(Level::speedup)).toList();
    for (Level level : levels) {
      experts.forEach(
          (name, expert) -> {
            Required.that(
                level.norm().containsKey(name), "a level has no norm of the expert " + name);
            Required.finite("norm of " + name, level.norm().get(name), expert.steps());
          });
    }
  }

  /** Levels as a table: speed, and how each did where it was validated. */
  public String table() {
    StringBuilder table = new StringBuilder("forecast profile for " + conditions + "\n");
    table.append("speed-up  unseen  median dB  95 % reach  schedule of a typical picture\n");
    for (Level level : levels) {
      table.append(String.format(Locale.ROOT, "%7.2fx  ", level.speedup()));
      Evidence e = level.evidence();
      table.append(
          e == null
              ? "     -          -           -"
              : String.format(
                  Locale.ROOT, "%6d  %9.1f  %10.1f", e.samples(), e.medianPsnr(), e.bound()));
      table.append(' ');
      experts.forEach((name, expert) -> table.append(' ').append(mask(expert, level)));
      table.append('\n');
    }
    return table.toString();
  }

  private static String mask(ExpertProfile expert, Level level) {
    List<Integer> computed = new Planner(new ErrorModel(expert)).schedule(level.price());
    StringBuilder mask = new StringBuilder();
    for (int k = 0; k < expert.steps(); k++) {
      mask.append(computed.contains(k) ? 1 : 0);
    }
    return mask.toString();
  }

  /**
   * The fastest level at which new pictures keep a PSNR in dB, as all slower ones do, by the
   * validation; empty where not even the slowest does with enough confidence. Levels are tested in
   * an order that was fixed beforehand and up to the first that fails, so that the confidence in
   * the chosen one is that of a single test, however many there are (Maurer, Hothorn, Lehmacher
   * 1995).
   */
  public Optional<Level> fastest(double psnr) {
    return levels.stream()
        .takeWhile(l -> l.evidence() != null && l.evidence().keeps(psnr, CONFIDENCE))
        .reduce((slower, faster) -> faster);
  }

  /** The same with other levels. */
  public ForecastProfile withLevels(List<Level> others) {
    return new ForecastProfile(conditions, prompts, experts, others);
  }

  /**
   * How much is computed for a speed: prices between two levels are interpolated.
   *
   * @throws ConfigException when the fastest level is slower
   */
  Pace pace(String expert, double speedup) {
    Level fastest = levels.get(levels.size() - 1);
    if (speedup
        > fastest.speedup() * 1.005) { // what tables show with two decimals can be asked for
      throw new ConfigException(
          "forecast_speedup is %s, the profile reaches %s: lower --forecast-speedup"
              .formatted(speedup, Math.floor(100 * fastest.speedup()) / 100));
    }
    int above = 0;
    while (above < levels.size() - 1 && levels.get(above).speedup() < speedup) {
      above++;
    }
    Level high = levels.get(above);
    if (above == 0 || high.speedup() <= speedup) {
      return new Pace(high.price(), high.norm().get(expert), true);
    }
    Level low = levels.get(above - 1);
    double share = Math.log(speedup / low.speedup()) / Math.log(high.speedup() / low.speedup());
    double price = Math.exp((1 - share) * Math.log(low.price()) + share * Math.log(high.price()));
    Level nearest = share < 0.5 ? low : high;
    return new Pace(price, nearest.norm().get(expert), true);
  }
}
