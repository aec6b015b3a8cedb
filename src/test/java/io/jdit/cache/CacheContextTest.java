package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

/** The 235 recorded traces of the reference's state machine, in plain doubles. */
class CacheContextTest {
  @TestFactory
  Stream<DynamicTest> traces() {
    JsonNode cases = CachingFixtures.json("caching/dbcache_traces.json").get("cases");
    assertThat(cases.size()).isEqualTo(235);
    return cases
        .valueStream()
        .map(
            c ->
                DynamicTest.dynamicTest(
                    c.has("name") ? c.get("name").stringValue() : "case " + c.get("id"),
                    () -> new Trace(c).check()));
  }

  /** A buffered tensor of the traces: n equal values. */
  private record Filled(double value, int n) {}

  private static final class Trace {
    private final JsonNode golden;
    private Values settings;
    private CacheContext context;
    private final Filled[] firstBlocks = new Filled[2];
    private final boolean[] middleBuffered = new boolean[2];

    Trace(JsonNode golden) {
      this.golden = golden;
      settings = CachingFixtures.settings(golden.get("config"));
      reset();
    }

    private void reset() {
      JsonNode extra = golden.get("extra");
      CacheConfig config = CacheConfig.of(settings);
      if (extra != null) {
        Double l1 = CachingFixtures.number(extra.get("l1_hidden_states_diff_threshold"));
        config = config.withSimilarity(new CacheConfig.Similarity(l1, 0.0, 1));
      }
      context = new CacheContext(config);
      dropBuffers();
    }

    private void dropBuffers() {
      firstBlocks[0] = null;
      firstBlocks[1] = null;
      middleBuffered[0] = false;
      middleBuffered[1] = false;
    }

    void check() {
      for (int i = 0; i < golden.get("events").size(); i++) {
        JsonNode event = golden.get("events").get(i);
        switch (event.get("op").stringValue()) {
          case "reset" -> reset();
          case "refresh" -> {
            settings = CachingFixtures.settings(event.get("config")).over(settings);
            reset();
          }
          case "calls" -> checkCalls(event, golden.get("expect").get(i));
          default -> throw new AssertionError(event);
        }
      }
    }

    private void checkCalls(JsonNode event, JsonNode expect) {
      StringBuilder cached = new StringBuilder();
      StringBuilder refreshed = new StringBuilder();
      StringBuilder cfg = new StringBuilder();
      List<Double> diffs = new ArrayList<>();
      boolean noBuffer = false;
      int calls = event.get("x").size();
      for (int i = 0; i < calls && !noBuffer; i++) {
        boolean renewed = context.select();
        if (renewed) {
          dropBuffers();
        }
        CacheBranch branch = context.begin();
        int b = context.isCfgCall() ? 1 : 0;
        int n = event.has("n") ? event.get("n").get(i).intValue() : 1;
        Filled compared = compared(event, i, n);
        boolean before = branch.residualDiffs().containsKey(context.step());
        boolean yes = context.canCache(difference(firstBlocks[b], compared));
        var after = branch.residualDiffs().get(context.step());
        diffs.add(before || after == null ? null : after.get(0));
        if (yes) {
          context.addCachedStep();
          noBuffer = !middleBuffered[b];
        } else {
          firstBlocks[b] = compared;
          middleBuffered[b] = true;
        }
        cached.append(yes ? 1 : 0);
        refreshed.append(renewed ? 1 : 0);
        cfg.append(b);
        checkCounters(expect, i);
      }
      assertThat(cached).hasToString(expect.get("cached").stringValue());
      assertThat(refreshed).hasToString(expect.get("refreshed").stringValue());
      assertThat(cfg).hasToString(expect.get("cfg").stringValue());
      assertThat(diffs)
          .isEqualTo(expect.get("diff").valueStream().map(CachingFixtures::number).toList());
      assertThat(noBuffer).isEqualTo(expect.has("error"));
      checkFinal(expect.get("final"));
    }

    private Filled compared(JsonNode event, int call, int n) {
      boolean hidden = context.config().similarity().comparesHidden();
      return new Filled(event.get(hidden ? "h" : "x").get(call).doubleValue(), n);
    }

    private static Difference difference(Filled previous, Filled current) {
      return new Difference() {
        @Override
        public boolean hasPrevious() {
          return previous != null;
        }

        @Override
        public boolean sameShape() {
          return previous.n() == current.n();
        }

        @Override
        public double measure() {
          return Math.abs(previous.value() - current.value()) / Math.abs(previous.value());
        }
      };
    }

    private void checkCounters(JsonNode expect, int call) {
      assertThat(context.step()).isEqualTo(expect.get("step").get(call).intValue());
      assertThat(context.transformerStep()).isEqualTo(expect.get("tstep").get(call).intValue());
      checkBranch(context.conditional(), expect, "", call);
      if (expect.has("cfg_cont")) {
        checkBranch(context.unconditional(), expect, "cfg_", call);
      }
    }

    private static void checkBranch(CacheBranch branch, JsonNode expect, String prefix, int call) {
      assertThat(branch.continuousCachedSteps())
          .isEqualTo(expect.get(prefix + "cont").get(call).intValue());
      assertThat(branch.accumulatedResidualDiff())
          .isEqualTo(CachingFixtures.number(expect.get(prefix + "acc").get(call)));
      String count = prefix.isEmpty() ? "n_cached" : "n_cfg_cached";
      assertThat(branch.cachedSteps()).hasSize(expect.get(count).get(call).intValue());
    }

    private void checkFinal(JsonNode expect) {
      checkLists(context.conditional(), expect, "");
      checkLists(context.unconditional(), expect, "cfg_");
      assertThat(context.step() + 1).isEqualTo(expect.get("executed_steps").intValue());
      assertThat(context.transformerStep() + 1)
          .isEqualTo(expect.get("transformer_executed_steps").intValue());
      assertThat(context.accumulatedExecutedSteps())
          .isEqualTo(expect.get("accumulated_executed_steps").intValue());
      assertThat(context.accumulatedTransformerExecutedSteps())
          .isEqualTo(expect.get("accumulated_transformer_executed_steps").intValue());
    }

    private static void checkLists(CacheBranch branch, JsonNode expect, String prefix) {
      assertThat(branch.cachedSteps())
          .isEqualTo(CachingFixtures.integers(expect.get(prefix + "cached_steps")));
      List<String> found = new ArrayList<>();
      branch.residualDiffs().forEach((step, diff) -> found.add(step + "=" + diff.get(0)));
      List<String> wanted = new ArrayList<>();
      expect
          .get(prefix + "residual_diffs")
          .properties()
          .forEach(e -> wanted.add(e.getKey() + "=" + CachingFixtures.number(e.getValue())));
      assertThat(found).isEqualTo(wanted);
      assertThat(branch.accumulatedCachedSteps())
          .isEqualTo(expect.get(prefix + "accumulated_cached_steps").intValue());
    }
  }
}
