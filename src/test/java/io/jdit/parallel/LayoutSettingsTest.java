package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.testing.Fixture;
import java.nio.file.Files;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LayoutSettingsTest {
  /** Where the specification decides otherwise than the reference does. */
  private static final Set<String> ACCEPTED_HERE =
      Set.of("resolves to 1, so nothing is parallel", "alias", "alias repeated");

  private static final Set<String> REFUSED_HERE =
      Set.of(
          "integer division leaves 1",
          "product larger than the number of processes",
          "accepted here, refused when it is applied");

  @Test
  void casesOfTheReference() throws Exception {
    JsonNode cases =
        JsonMapper.shared()
            .readTree(Files.readAllBytes(Fixture.ROOT.resolve("parallel/config_cases.json")));
    assertThat(cases.size()).isEqualTo(38);
    for (JsonNode c : cases) {
      String note = c.path("note").asString("");
      int processes = c.path("processes").asInt();
      JsonNode section = c.path("parallelism_config");
      boolean anythingWithRing = section.has("ulysses_anything") && section.has("ring_size");
      boolean fails =
          (c.has("error") && !ACCEPTED_HERE.contains(note))
              || (REFUSED_HERE.contains(note) && !anythingWithRing);
      if (fails) {
        assertThatThrownBy(
                () -> new LayoutSettings(ParallelSection.read(section, "test")).resolve(processes))
            .as(c.toString())
            .isInstanceOf(IllegalArgumentException.class);
        continue;
      }
      ParallelConfig config =
          new LayoutSettings(ParallelSection.read(section, "test")).resolve(processes);
      JsonNode expected = c.path("result");
      if (expected.isMissingNode()) {
        assertThat(config.mesh().ranks()).as(c.toString()).isEqualTo(processes);
        continue;
      }
      Mesh mesh = config.mesh();
      assertThat(mesh.ulysses()).isEqualTo(expected.path("ulysses_size").asInt(1));
      assertThat(mesh.ring()).isEqualTo(expected.path("ring_size").asInt(1));
      assertThat(mesh.tp()).isEqualTo(expected.path("tp_size").asInt(1));
      assertThat(config.ulyssesAnything()).isEqualTo(expected.path("ulysses_anything").asBoolean());
      assertThat(config.ulyssesFloat8()).isEqualTo(expected.path("ulysses_float8").asBoolean());
      assertThat(config.ulyssesAsync()).isEqualTo(expected.path("ulysses_async").asBoolean());
      assertThat(config.attentionBackend())
          .isEqualTo(expected.path("attention_backend").asString(null));
      assertThat(config.modules()).hasSize(expected.path("extra_parallel_modules").size());
      // The reference builds the tag before the extra modules are known.
      assertThat(config.withModules(Set.of()).tag()).isEqualTo(expected.path("tag").asString());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"ulyses_size\": 2} | did you mean 'ulysses_size'?",
        "{\"ulysses_size\": 0} | ulysses_size is 0, expected a number >= 1 or auto",
        "{\"ulysses_size\": 2.5} | ulysses_size is 2.5",
        "{\"tp\": 2, \"tp_size\": 4} | tp_size is given twice",
        "{\"ulysses_size\": 3} | needs 3 ranks, started were 8",
        "{\"ulysses_size\": 3} | 8x1x1",
        "{\"dp_size\": 3} | dp_size 3 does not divide the 8 ranks",
        "{\"ulysses_size\": \"auto\", \"tp_size\": \"auto\"} | only one of",
        "{\"tp_size\": 8, \"ulysses_async\": true} | ulysses_async needs ulysses_size > 1",
        "{\"ulysses_size\": 8, \"backend\": \"native_hybrid\"} | use cache_dit",
        "{\"use_ray\": true} | --num-gpus",
        "{\"extra_parallel_modules\": [\"unet\"]} | text_encoder",
        "[1] | expected keys"
      })
  void errorsNameTheKeyAndTheWayOut(String json, String message) {
    assertThatThrownBy(
            () ->
                new LayoutSettings(
                        ParallelSection.read(JsonMapper.shared().readTree(json), "p.yaml"))
                    .resolve(8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void replicasAndBranchesTakeTheirShareFirst() {
    Values s =
        ParallelSection.read(
            JsonMapper.shared()
                .readTree("{\"dp_size\": 2, \"cfg_parallel\": true, \"ulysses\": \"auto\"}"),
            "test");
    ParallelConfig config = new LayoutSettings(s).resolve(16);
    assertThat(config.mesh()).isEqualTo(new Mesh(2, 2, 1, 4, 1));
    assertThat(config.tag()).isEqualTo("DP2_CFG2_Ulysses4");
  }

  @Test
  void flagsCoverTheFile() {
    Values file =
        ParallelSection.read(
            JsonMapper.shared().readTree("{\"ulysses\": 2, \"ring\": 2, \"ulysses_async\": true}"),
            "test");
    Values flags = Values.of(ParallelKeys.RING, 4).with(ParallelKeys.ASYNC, false);
    ParallelConfig config = new LayoutSettings(flags.over(file)).resolve(8);
    assertThat(config.mesh()).isEqualTo(new Mesh(1, 1, 4, 2, 1));
    assertThat(config.ulyssesAsync()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 24, 1, 1",
    "4, 24, 4, 1",
    "8, 24, 8, 1",
    "5, 24, 5, 1",
    "16, 24, 8, 2",
    "3, 4, 1, 3"
  })
  void aLayoutIsChosenWhenNoneIsGiven(int processes, int heads, int ulysses, int ring) {
    LayoutChoice choice = new LayoutSettings(Values.none()).automatic(processes, heads);
    assertThat(choice.config().mesh()).isEqualTo(new Mesh(1, 1, ring, ulysses, 1));
    assertThat(choice.reason()).contains("ulysses " + ulysses);
    ParallelConfig.of(choice.config().mesh()).requireHeads(heads);
  }

  @Test
  void headsThatCannotBeSharedAreRefusedWithTheValidSizes() {
    assertThatThrownBy(() -> ParallelConfig.of(new Mesh(1, 1, 1, 4, 1)).requireHeads(6))
        .hasMessageContaining("ulysses_size 4 cannot share out 6 attention heads")
        .hasMessageContaining("[1, 2, 3");
    assertThatThrownBy(() -> ParallelConfig.of(new Mesh(1, 1, 1, 1, 5)).requireHeads(24))
        .hasMessageContaining("use one of " + List.of(1, 2, 3, 4, 6, 8, 12, 24));
    ParallelConfig.of(new Mesh(1, 1, 1, 4, 1)).requireHeads(30);
    ParallelConfig.of(new Mesh(1, 1, 1, 8, 1)).requireHeads(30);
  }

  @Test
  void nothingGivenGivesNothing() {
    assertThat(ParallelSection.read(null, "test")).isEqualTo(Values.none());
    assertThat(new LayoutSettings(Values.none()).givesLayout()).isFalse();
    assertThatThrownBy(() -> ParallelSection.read(JsonMapper.shared().readTree("7"), "test"))
        .isInstanceOf(ConfigException.class);
  }
}
