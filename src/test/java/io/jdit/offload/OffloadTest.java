package io.jdit.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OffloadTest {
  private static final ComponentMemory.Layer LAYER = new ComponentMemory.Layer(10, 10, 0);

  /** 110, 100, 20 bytes. */
  private static Map<String, ComponentMemory> model() {
    Map<String, ComponentMemory> model = new LinkedHashMap<>();
    model.put("transformer", new ComponentMemory(10, Collections.nCopies(10, LAYER)));
    model.put("text_encoder", new ComponentMemory(40, Collections.nCopies(6, LAYER)));
    model.put("vae", new ComponentMemory(20, Collections.emptyList()));
    return model;
  }

  private static Offload fitting(Values values, long available) {
    return Offload.choices(OffloadSettings.of(values), model(), Map.of(Offload.DENOISE, 5L))
        .stream()
        .filter(o -> o.peak() <= available)
        .findFirst()
        .orElse(null);
  }

  @Test
  void asMuchStaysAsFits() {
    Values auto = Values.none();
    assertThat(fitting(auto, 235)).hasToString("offload: nothing; at most 0.00 GB");
    assertThat(fitting(auto, 234).keeps("transformer")).isFalse();
    assertThat(fitting(auto, 234).layerwise()).isEmpty();
    assertThat(fitting(auto, 115).peak()).isEqualTo(115);
    // The text encoder is the largest then.
    assertThat(fitting(auto, 114).layerwise()).containsExactly("transformer");
    assertThat(fitting(auto, 114).peak()).isEqualTo(100);
    assertThat(fitting(auto, 99).layerwise()).containsExactly("transformer", "text_encoder");
    assertThat(fitting(auto, 99).stages())
        .isEqualTo(Map.of("text_encode", 60L, "denoise", 35L, "decode", 20L));
    assertThat(fitting(auto, 59)).isNull();
  }

  @Test
  void whatIsAskedForIsObeyed() {
    Values kept = Values.of(OffloadKeys.DIT, false).with(OffloadKeys.TEXT_ENCODER, false);
    assertThat(fitting(kept, 235).keeps("vae")).isTrue();
    assertThat(fitting(kept, 234).keeps("vae")).isFalse();
    assertThat(fitting(kept, 234).keeps("transformer")).isTrue();
    assertThat(fitting(kept, 229)).isNull();
    Values layers = Values.of(OffloadKeys.DIT_LAYERWISE, true);
    Offload one = fitting(layers, 1000);
    assertThat(one.keeps("transformer")).isTrue();
    assertThat(one.stages())
        .isEqualTo(Map.of("text_encode", 130L, "denoise", 155L, "decode", 130L));
    Offload some =
        fitting(layers.with(OffloadKeys.RESIDENT_LAYERS, 4).with(OffloadKeys.PREFETCH, 3.0), 1000);
    assertThat(some.stages().get("denoise")).isEqualTo(50 + 10 + 30 + 120 + 5);
    assertThat(fitting(Values.of(OffloadKeys.MODE, PerformanceMode.SPEED), 234)).isNull();
    OffloadSettings asked = OffloadSettings.of(layers).andNoMore();
    assertThat(Offload.choices(asked, model(), Map.of())).hasSize(1);
    assertThat(Offload.choices(asked, model(), Map.of()).get(0).layerwise())
        .containsExactly("transformer");
    assertThat(fitting(Values.of(OffloadKeys.MODE, PerformanceMode.MEMORY), 1000))
        .hasToString(
            "offload: transformer and text_encoder layer by layer, vae after the stage; at most 0.00 GB");
  }

  /** 20 bytes of a file become 5. */
  @Test
  void ofALayerAsItIsReadAndAsItIsHeldTheLargerCounts() {
    ComponentMemory small =
        new ComponentMemory(0, Collections.nCopies(10, new ComponentMemory.Layer(5, 20, 0)));
    assertThat(small.whole()).isEqualTo(50);
    assertThat(small.streamed(new StreamSettings(0, 0, ResidencyPolicy.LEADING))).isEqualTo(5 + 20);
    assertThat(small.streamed(new StreamSettings(3, 0, ResidencyPolicy.LEADING)))
        .isEqualTo(5 + 3 * 20);
    assertThat(small.streamed(new StreamSettings(3, 8, ResidencyPolicy.LEADING)))
        .isEqualTo(8 * 5 + 2 * 20);
    assertThat(small.streamed(new StreamSettings(0, 9, ResidencyPolicy.LEADING)))
        .isEqualTo(9 * 5 + 20);
  }

  @Test
  void layersStayInFrontOrSpread() {
    StreamSettings spread = new StreamSettings(0, 4, ResidencyPolicy.STRIDED);
    assertThat(spread.resident(10)).containsExactly(2, 4, 7, 9);
    StreamSettings leading = new StreamSettings(0.5, 4, ResidencyPolicy.LEADING);
    assertThat(leading.resident(10)).containsExactly(0, 1, 2, 3);
    assertThat(leading.ahead(11)).isEqualTo(6);
    assertThat(spread.ahead(11)).isEqualTo(1);
    assertThat(new StreamSettings(3, 0, ResidencyPolicy.LEADING).ahead(2)).isEqualTo(2);
    assertThatThrownBy(() -> leading.resident(4))
        .hasMessageContaining("--dit-layerwise-resident-layers 4: the transformer has 4 layers");
  }

  private static void refused(Values values, String message) {
    assertThatThrownBy(() -> OffloadSettings.of(values))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(message);
  }

  @Test
  void whatExcludesEachOtherIsRefused() {
    refused(
        Values.of(OffloadKeys.DIT, true).with(OffloadKeys.DIT_LAYERWISE, true),
        "--dit-cpu-offload and --dit-layerwise-offload exclude each other");
    refused(
        Values.of(OffloadKeys.MODE, PerformanceMode.SPEED).with(OffloadKeys.VAE, true),
        "--performance-mode speed keeps everything in memory: leave out --vae-cpu-offload");
    refused(
        Values.of(OffloadKeys.PREFETCH, 2.0),
        "--dit-offload-prefetch-size needs --dit-layerwise-offload");
  }

  @Test
  void aFileHasTheSameKeysBelowTheOptions() {
    SettingsFile file =
        SettingsFile.parse(
            "offload_config:\n  dit_layerwise_offload: true\n  dit_offload_prefetch_size: 0.25\n",
            "offload.yaml",
            UnknownKeys.REJECT);
    Values read = OffloadKeys.read(file, Values.of(OffloadKeys.PREFETCH, 3.0));
    assertThat(read.get(OffloadKeys.DIT_LAYERWISE)).isTrue();
    assertThat(read.get(OffloadKeys.PREFETCH)).isEqualTo(3.0);
    SettingsFile wrong =
        SettingsFile.parse(
            "offload_config:\n  dit_offload_prefetch_size: 1.5\n",
            "offload.yaml",
            UnknownKeys.REJECT);
    assertThatThrownBy(() -> OffloadKeys.read(wrong, Values.none()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("offload.yaml: offload_config: dit_offload_prefetch_size");
  }
}
