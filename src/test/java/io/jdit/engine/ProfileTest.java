package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.attention.FusedAttention;
import io.jdit.metrics.Trace;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@ExtendWith(NoLeaks.class)
class ProfileTest {
  private static final int STEPS = 3;

  @TempDir private Path folder;

  private JsonNode traced(Path file) throws IOException {
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Profile profile = new Profile(file, RankSession.alone(Device.CPU, new FusedAttention()));
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      engine.generate(Requests.small("a red fox", 64, 96, STEPS, 32)).close();
      assertThat(profile.write()).isEqualTo(file);
      assertThat(profile.table(1)).contains("transformer_blocks.*.attn.to_q", "attention (native)");
    }
    assertThat(Trace.on()).isFalse();
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return JsonMapper.shared().readTree(in);
    }
  }

  /** Spans of one thread nest, and those inside take no longer than what is around them. */
  @Test
  void stagesStepsBlocksLayersAndKernelsNest() throws IOException {
    List<JsonNode> spans =
        traced(folder.resolve("trace.json"))
            .path("traceEvents")
            .valueStream()
            .filter(e -> e.path("ph").asString().equals("X"))
            .toList();
    Map<String, Integer> kinds = new HashMap<>();
    spans.forEach(s -> kinds.merge(s.path("cat").asString(), 1, Integer::sum));
    assertThat(kinds).containsKeys("stage", "step", "block", "layer", "attention", "kernel");
    assertThat(kinds.get("step")).isEqualTo(STEPS);
    assertThat(spans.stream().filter(s -> s.path("cat").asString().equals("stage")))
        .extracting(s -> s.path("name").asString())
        .containsExactlyInAnyOrder("text_encode", "denoise", "decode");
    assertThat(spans)
        .extracting(s -> s.path("name").asString())
        .contains("transformer_blocks.0", "transformer_blocks.0.attn.to_q", "step 3")
        .contains("rms_norm_rope", "layer_norm_modulate", "native");
    spans.stream()
        .map(s -> s.path("tid").asInt())
        .distinct()
        .forEach(
            t -> requireNested(spans.stream().filter(s -> s.path("tid").asInt() == t).toList()));
  }

  private static double end(JsonNode span) {
    return span.path("ts").asDouble() + span.path("dur").asDouble();
  }

  private static void requireNested(List<JsonNode> spans) {
    List<JsonNode> sorted =
        spans.stream()
            .sorted(
                Comparator.<JsonNode>comparingDouble(s -> s.path("ts").asDouble())
                    .thenComparingDouble(s -> -s.path("dur").asDouble()))
            .toList();
    Deque<JsonNode> around = new ArrayDeque<>();
    Map<JsonNode, Double> inside = new IdentityHashMap<>();
    for (JsonNode span : sorted) {
      while (!around.isEmpty() && end(around.peek()) <= span.path("ts").asDouble()) {
        around.pop();
      }
      if (!around.isEmpty()) {
        assertThat(end(span)).isLessThanOrEqualTo(end(around.peek()) + 1e-3);
        inside.merge(around.peek(), span.path("dur").asDouble(), Double::sum);
      }
      around.push(span);
    }
    inside.forEach(
        (span, sum) ->
            assertThat(sum)
                .as("inside %s", span)
                .isLessThanOrEqualTo(span.path("dur").asDouble() + 1e-3));
  }

  @Test
  void namesThatEndInGzAreCompressed() throws IOException {
    assertThat(traced(folder.resolve("a.trace.json.gz")).path("traceEvents").size())
        .isGreaterThan(100);
  }

  @Test
  void everyRankHasAFile() {
    assertThat(Profile.ofRank(Path.of("out/a.trace.json.gz"), 3))
        .isEqualTo(Path.of("out/a-rank3.trace.json.gz"));
    assertThat(Profile.ofRank(Path.of("a"), 0)).isEqualTo(Path.of("a-rank0"));
  }

  @Test
  void oneTraceAtATime() {
    try (Trace trace = Trace.start(() -> {})) {
      assertThatThrownBy(() -> Trace.start(() -> {})).hasMessageContaining("already");
      assertThat(trace.events()).isEmpty();
    }
  }
}
