package io.jdit.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.report.BenchComparison.Configuration;
import io.jdit.report.BenchComparison.Run;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BenchComparisonTest {
  private static final BenchComparison COMPARISON =
      new BenchComparison(
          "generation",
          List.of(
              new Configuration(
                  "a.yaml",
                  List.of(
                      new Run(1000, 100, Double.NaN, 500), // a quiet round
                      new Run(3000, 300, Double.NaN, 510), // a loaded one
                      new Run(1200, 120, Double.NaN, 520)),
                  Double.NaN),
              new Configuration(
                  "b<b>.yaml",
                  List.of(
                      new Run(500, 100, 10, 600),
                      new Run(1000, 200, 20, 610),
                      new Run(400, 110, 11, 620)),
                  31.25)));

  @Test
  void ratiosAreThoseOfOneRound() {
    assertThat(COMPARISON.table().lines().skip(2))
        .containsExactly(
            "| a.yaml | 1200.0 | 1000.0 to 3000.0 | 1.00 | 120.0 |  | 510 |  |",
            "| b<b>.yaml | 500.0 | 400.0 to 1000.0 | 3.00 | 110.0 | 11.0 | 610 | 31.3 |");
  }

  @Test
  void barsAreAsLongAsTheTimes() {
    assertThat(COMPARISON.chart().lines().limit(3))
        .containsExactly(
            "generation, ms",
            "a.yaml    " + "#".repeat(40) + " 1200.0",
            "b<b>.yaml " + "#".repeat(17) + " 500.0");
  }

  @Test
  void thePageHoldsNoMarkupOfNames() {
    assertThat(COMPARISON.page("Side by side", List.of("3 rounds")))
        .contains("<h1>Side by side</h1>", "b&lt;b&gt;.yaml", "<svg", "3 rounds")
        .doesNotContain("<b>", "<script")
        .endsWith("</body>\n</html>\n");
  }

  @Test
  void jsonHasEveryRoundAndNoNumberThatIsNone() {
    Map<String, Object> first = COMPARISON.toList().get(0);
    Map<String, Object> second = COMPARISON.toList().get(1);
    assertThat(first).doesNotContainKeys("psnr_db", "equal_picture");
    assertThat(second)
        .containsEntry("psnr_db", 31.25)
        .containsEntry("times_as_fast", 3.0)
        .containsEntry("median_ms", 500.0);
    assertThat((List<?>) second.get("rounds"))
        .first()
        .isEqualTo(
            Map.of("ms", 500.0, "step_ms", 100.0, "cached_step_ms", 10.0, "peak_memory_mb", 600.0));
  }
}
