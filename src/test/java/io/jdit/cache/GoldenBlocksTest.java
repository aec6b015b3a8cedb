package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.testing.NoLeaks;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/** Whole runners on the six-block network: decisions, differences and outputs of the reference. */
@ExtendWith(NoLeaks.class)
class GoldenBlocksTest {
  /** The reference runs overlapping blocks twice; ours rejects F + B beyond the list. */
  private static final Set<String> REJECTED =
      Set.of(
          "f4b4",
          "f6b6",
          "fn_too_large",
          "bn_too_large",
          "fn_zero",
          "two_lists_fn_larger_than_list");

  /** The reference fails; ours computes what it cannot cache. */
  private static final Set<String> REPAIRED =
      Set.of("scm_static_starts_cached", "prune_pattern3", "prune_pattern4", "prune_shared_diff");

  @TestFactory
  Stream<DynamicTest> goldenCases() {
    return GoldenRun.cases()
        .map(
            c ->
                DynamicTest.dynamicTest(
                    c.get("id").stringValue()
                        + " "
                        + c.get("name").stringValue()
                        + " pattern "
                        + c.get("pattern").asString(),
                    () -> checkCase(c)));
  }

  private static void checkCase(JsonNode golden) {
    String name = golden.get("name").stringValue();
    if (REJECTED.contains(name)) {
      assertThatThrownBy(
              () -> {
                try (GoldenRun run = new GoldenRun(golden)) {
                  run.all();
                }
              })
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("_compute_blocks");
      return;
    }
    assertThat(golden.has("error")).isEqualTo(REPAIRED.contains(name));
    try (GoldenRun run = new GoldenRun(golden)) {
      run.all();
      if (!golden.has("error")) {
        run.checkOutputs(golden.get("calls").size());
        run.checkStatistics();
      } else if (golden.get("error").get("call").intValue() > 0) {
        run.checkOutputs(golden.get("error").get("call").intValue());
      }
    }
  }
}
