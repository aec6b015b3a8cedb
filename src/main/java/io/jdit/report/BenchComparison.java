package io.jdit.report;

import io.jdit.metrics.Median;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * One benchmark with several configurations, in rounds: every configuration once in each.
 *
 * @param what is timed, for headings: a generation or a step
 * @param configurations the first is what others are compared with
 */
public record BenchComparison(String what, List<Configuration> configurations) {
  /**
   * One round of a configuration.
   *
   * @param milliseconds median of what is timed
   * @param step median of computed steps
   * @param cachedStep median of steps from a cache; NaN without
   * @param peakMegabytes largest memory of the process, or on its GPU
   */
  public record Run(double milliseconds, double step, double cachedStep, double peakMegabytes) {}

  /**
   * @param runs one for each round
   * @param psnr against the first configuration's picture in dB, infinite for an equal one; NaN
   *     where no picture was drawn
   */
  public record Configuration(String name, List<Run> runs, double psnr) {
    private double median(ToDoubleFunction<Run> value) {
      return Median.of(runs.stream().mapToDouble(value).boxed().toList());
    }

    private double extreme(boolean largest) {
      var times = runs.stream().mapToDouble(Run::milliseconds);
      return (largest ? times.max() : times.min()).orElseThrow();
    }
  }

  /**
   * How many times as fast as the first: the median over the rounds, of ratios within one round,
   * since the load of a machine changes from round to round.
   */
  double speedUp(Configuration c) {
    List<Run> first = configurations.get(0).runs();
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < first.size(); i++) {
      ratios.add(first.get(i).milliseconds() / c.runs().get(i).milliseconds());
    }
    return Median.of(ratios);
  }

  /** As a Markdown table. */
  public String table() {
    StringBuilder text = new StringBuilder();
    text.append("| configuration | ")
        .append(what)
        .append(
            ", ms | least to most | times as fast | step, ms | cached step, ms | peak memory, MB | PSNR, dB |\n")
        .append("|---|---|---|---|---|---|---|---|\n");
    for (Configuration c : configurations) {
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %.1f | %.1f to %.1f | %.2f | %.1f | %s | %.0f | %s |\n",
              c.name(),
              c.median(Run::milliseconds),
              c.extreme(false),
              c.extreme(true),
              speedUp(c),
              c.median(Run::step),
              number(c.median(Run::cachedStep)),
              c.median(Run::peakMegabytes),
              number(c.psnr())));
    }
    return text.toString();
  }

  private static String number(double value) {
    return Double.isNaN(value)
        ? ""
        : Double.isInfinite(value) ? "equal" : String.format(Locale.ROOT, "%.1f", value);
  }

  /** Times and memory as bars of characters. */
  public String chart() {
    return BarChart.text(what + ", ms", names(), medians(Run::milliseconds))
        + BarChart.text("peak memory, MB", names(), medians(Run::peakMegabytes));
  }

  /** A page without scripts. */
  public String page(String title, List<String> facts) {
    StringBuilder page = new StringBuilder(HtmlPage.head(title));
    page.append("<h1>").append(HtmlPage.escape(title)).append("</h1>\n");
    facts.forEach(f -> page.append("<p>").append(HtmlPage.escape(f)).append("</p>\n"));
    page.append(HtmlPage.table(table()))
        .append(BarChart.svg(what + ", ms", names(), medians(Run::milliseconds)))
        .append(BarChart.svg("peak memory, MB", names(), medians(Run::peakMegabytes)));
    return page.append("</body>\n</html>\n").toString();
  }

  /** For JSON: every round of every configuration; what is not there is left out. */
  public List<Map<String, Object>> toList() {
    List<Map<String, Object>> list = new ArrayList<>();
    for (Configuration c : configurations) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("configuration", c.name());
      map.put("median_ms", c.median(Run::milliseconds));
      map.put("times_as_fast", speedUp(c));
      map.put("peak_memory_mb", c.median(Run::peakMegabytes));
      if (Double.isFinite(c.psnr())) {
        map.put("psnr_db", c.psnr());
      } else if (!Double.isNaN(c.psnr())) {
        map.put("equal_picture", true);
      }
      map.put("rounds", c.runs().stream().map(BenchComparison::toMap).toList());
      list.add(map);
    }
    return list;
  }

  private static Map<String, Object> toMap(Run run) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("ms", run.milliseconds());
    map.put("step_ms", run.step());
    if (!Double.isNaN(run.cachedStep())) {
      map.put("cached_step_ms", run.cachedStep());
    }
    map.put("peak_memory_mb", run.peakMegabytes());
    return map;
  }

  private List<String> names() {
    return configurations.stream().map(Configuration::name).toList();
  }

  private List<Double> medians(ToDoubleFunction<Run> value) {
    return configurations.stream().map(c -> c.median(value)).toList();
  }
}
