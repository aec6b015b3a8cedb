package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import io.jdit.testing.Fixture;
import io.jdit.testing.JavaProcess;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * FLUX.1 on 2, 4 and 8 CPU processes over Gloo, against the reference's latents or, where the
 * fixtures have none, against one process.
 */
class FluxParallelTest {
  private static final double TOLERANCE = 1e-4;

  /** Half an e4m3 step at the top of its range. */
  private static final double FLOAT8_TOLERANCE = 1.0 / 16;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void everyLayoutGivesTheLatentsOfOneProcess(int ranks) throws Exception {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    List<String> command = JavaProcess.command(FluxRank.class, folder.toString());
    command.addAll(
        1,
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx512m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"));
    PrintStream out = new PrintStream(err, true, StandardCharsets.UTF_8);
    Launcher launcher =
        new Launcher(LocalRanks.of(command, ranks, out), Map.of("OMP_NUM_THREADS", "1"), out);
    assertThat(launcher.run()).as("%s", err).isZero();
    List<Map<String, String[]>> results = new ArrayList<>();
    Map<String, String> pictures = new HashMap<>();
    for (int r = 0; r < ranks; r++) {
      results.add(read(r, pictures));
    }
    for (FluxCase c : FluxCase.of(ranks)) {
      String[] first = results.get(0).get(c.name());
      double tolerance = c.config().ulyssesFloat8() ? FLOAT8_TOLERANCE : TOLERANCE;
      assertThat(Double.parseDouble(first[1])).as(c.name()).isLessThanOrEqualTo(tolerance);
      for (Map<String, String[]> rank : results) {
        assertThat(rank.get(c.name())[2])
            .as("%s: latents on all ranks", c.name())
            .isEqualTo(first[2]);
        assertThat(rank.get(c.name())[3]).as("%s: pictures", c.name()).isEqualTo(first[3]);
      }
      if (c.config().modules().contains(ParallelConfig.VAE)) {
        assertThat(first[3])
            .as("%s: blended as one process blends", c.name())
            .isEqualTo(pictures.get(c.name()));
      }
      if (c.cache() != null) {
        assertCachedSteps(c, results);
      } else if (c.config().modules().isEmpty()) {
        assertBytes(c, first);
      }
    }
  }

  /** Every rank skips the steps that one process of the reference skips in its branch. */
  private static void assertCachedSteps(FluxCase c, List<Map<String, String[]>> results) {
    try (Fixture f = new Fixture(c.fixture())) {
      JsonNode context = c.cacheRun(f).path("contexts").path("transformer_blocks");
      Mesh mesh = c.config().mesh();
      for (int r = 0; r < results.size(); r++) {
        boolean negative = mesh.coordinate(r, Mesh.Dimension.CFG) == 1;
        JsonNode steps = context.path(negative ? "cfg_cached_steps" : "cached_steps");
        assertThat(results.get(r).get(c.name())[8])
            .as("%s: cached steps of rank %d", c.name(), r)
            .isEqualTo(Arrays.toString(ExchangeLayoutTest.longs(steps)));
      }
    }
  }

  /** Bytes that rank 0 sent against those of the plan, in whole steps. */
  private static void assertBytes(FluxCase c, String[] found) {
    if (!c.fixture().equals("flux1-dev-tiny")) {
      return;
    }
    try (Fixture f = new Fixture(c.fixture())) {
      Values r = c.request(f);
      LayoutPlan plan = c.plan(r);
      Collective[] kinds = {
        Collective.ALL_TO_ALL,
        Collective.POINT_TO_POINT,
        Collective.ALL_REDUCE,
        Collective.ALL_GATHER
      };
      for (int i = 0; i < kinds.length; i++) {
        assertThat(Long.parseLong(found[4 + i]))
            .as("%s: %s", c.name(), kinds[i].text())
            .isEqualTo(r.get(RequestKeys.NUM_INFERENCE_STEPS) * plan.bytesPerStep(kinds[i]));
      }
    }
  }

  private Map<String, String[]> read(int rank, Map<String, String> pictures) throws Exception {
    Map<String, String[]> byName = new HashMap<>();
    for (String line : Files.readAllLines(folder.resolve("rank" + rank + ".tsv"))) {
      String[] fields = line.split("\t");
      switch (fields[0]) {
        case "live" ->
            assertThat(fields[1]).as("tensors left alive on rank %d", rank).isEqualTo("0");
        case "picture" -> pictures.put(fields[1], fields[2]);
        default -> byName.put(fields[0], fields);
      }
    }
    return byName;
  }
}
