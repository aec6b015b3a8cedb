package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.Values;
import io.jdit.report.CacheTable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

class CacheStatisticsTest {
  private static final JsonNode GOLDEN = CachingFixtures.json("caching/summary.json");

  @TestFactory
  Stream<DynamicTest> tables() {
    return GOLDEN
        .get("tables")
        .valueStream()
        .map(t -> DynamicTest.dynamicTest(t.get("name").stringValue(), () -> checkTable(t)));
  }

  private static void checkTable(JsonNode golden) {
    boolean prune = golden.has("pruned_blocks");
    Values settings =
        prune ? Values.none().with(CacheKeys.CACHE_TYPE, CacheType.DBPRUNE) : Values.none();
    var statistics =
        new CacheStatistics(
            "transformer",
            "blocks",
            12,
            CacheConfig.of(settings),
            branch(golden, "", prune),
            branch(golden, "cfg_", false),
            28,
            28,
            28,
            28);
    List<String> rows =
        CacheTable.render(statistics)
            .lines()
            .filter(line -> line.startsWith("|") && Character.isDigit(line.charAt(2)))
            .toList();
    assertThat(rows)
        .isEqualTo(golden.get("rows").valueStream().map(JsonNode::stringValue).toList());
    if (golden.has("percentiles")) {
      for (var p : golden.get("percentiles").properties()) {
        assertThat(statistics.conditional().percentile(Double.parseDouble(p.getKey())))
            .as("P" + p.getKey())
            .isEqualTo(p.getValue().doubleValue());
      }
    }
    if (prune) {
      assertThat(CacheTable.ratioLine(statistics))
          .isEqualTo(golden.get("ratio_line").get(0).stringValue());
    }
  }

  private static CacheStatistics.Branch branch(JsonNode golden, String prefix, boolean prune) {
    Map<Integer, List<Double>> diffs = new LinkedHashMap<>();
    for (var e : golden.get(prefix + "residual_diffs").properties()) {
      JsonNode value = e.getValue();
      diffs.put(
          Integer.valueOf(e.getKey()),
          value.isArray()
              ? value.valueStream().map(CachingFixtures::number).toList()
              : List.of(CachingFixtures.number(value)));
    }
    List<Integer> cached = CachingFixtures.integers(golden.get(prefix + "cached_steps"));
    return new CacheStatistics.Branch(
        cached,
        diffs,
        cached.size(),
        prune ? CachingFixtures.integers(golden.get("pruned_blocks")) : List.of(),
        prune ? CachingFixtures.integers(golden.get("actual_blocks")) : List.of());
  }

  @Test
  void tagsEqualTheReference() {
    for (JsonNode t : GOLDEN.get("tags")) {
      CacheConfig config = CacheConfig.of(settings(t));
      Integer cached =
          t.hasNonNull("accumulated_cached_steps")
              ? t.get("accumulated_cached_steps").intValue()
              : null;
      assertThat(CacheTag.of(config, cached, null)).isEqualTo(t.get("tag").stringValue());
    }
  }

  private static Values settings(JsonNode golden) {
    JsonNode fields = golden.get("cache_config");
    Values settings = CachingFixtures.settings(fields);
    if (fields.get("class").stringValue().equals("DBPruneConfig")) {
      settings = settings.with(CacheKeys.CACHE_TYPE, CacheType.DBPRUNE);
    }
    JsonNode calibrator = golden.get("calibrator_config");
    if (!calibrator.isNull()) {
      var kind = CacheKeys.CALIBRATOR.type().read(calibrator.get("calibrator_type"), "kind");
      settings = CachingFixtures.settings(calibrator).over(settings);
      settings = settings.with(CacheKeys.CALIBRATOR, kind);
    }
    return settings;
  }

  @Test
  void percentileOfNothingIsAnError() {
    var none = new CacheStatistics.Branch(List.of(), Map.of(), 0, List.of(), List.of());
    assertThatThrownBy(() -> none.percentile(50)).isInstanceOf(IllegalStateException.class);
    assertThat(none.prunedRatio()).isNull();
  }
}
