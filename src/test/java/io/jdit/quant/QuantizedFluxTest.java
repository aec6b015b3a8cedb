package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TensorAssert;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole generations with quantized layers. */
@ExtendWith(NoLeaks.class)
class QuantizedFluxTest {
  private static final Path MODEL = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline");
  private static final Values REQUEST = Requests.small("a red fox", 64, 64, 4, 32);

  private static Result reference;

  @BeforeAll
  static void reference() {
    try (Engine engine = Engine.load(MODEL, Strategies.cpu())) {
      reference = engine.generate(REQUEST);
    }
  }

  @AfterAll
  static void close() {
    reference.close();
  }

  private static Strategies quantized(String section) {
    SettingsFile file =
        SettingsFile.parse("quantize_config: " + section, "test.yaml", UnknownKeys.REJECT);
    return Strategies.cpu().withFormats(Quantization.of(QuantizeSection.read(file, Values.none())));
  }

  /** Latents of four steps against float32; the layers have 48 inputs, which some types refuse. */
  @ParameterizedTest
  @CsvSource({
    "int8, FLOAT32, 40", "int8, BFLOAT16, 35", "int8_weight_only, FLOAT32, 45",
    "int8_weight_only, BFLOAT16, 35", "float8, FLOAT32, 30", "float8_weight_only, FLOAT32, 33",
    "float8_weight_only, BFLOAT16, 30", "int8_per_tensor, FLOAT32, 35"
  })
  void latentsStayClose(String type, DType dtype, double decibels) {
    Strategies strategies = quantized("{quant_type: " + type + "}").withDtype(dtype);
    try (Engine engine = Engine.load(MODEL, strategies);
        Result r = engine.generate(REQUEST)) {
      TensorAssert.assertThat(r.latents()).hasPsnrAbove(decibels, reference.latents());
      assertThat(r.latents().equalTo(reference.latents())).isFalse();
    }
  }

  @Test
  void theReportCountsEveryLinearLayer() {
    try (Engine engine =
        Engine.load(
            MODEL,
            quantized(
                "{quant_type: int8, exclude_layers: [norm, nothing], precision_plan: {ff:"
                    + " float8_weight_only}, verbose: true, components_to_quantize:"
                    + " {text_encoder_2: int8_weight_only}}"))) {
      List<String> lines = engine.formatReport();
      assertThat(lines)
          .contains("quantized transformer: transformer_blocks, single_transformer_blocks");
      assertThat(lines).anyMatch(l -> l.matches(" +float8_weight_only +\\d+ layers"));
      assertThat(lines).anyMatch(l -> l.matches(" +int8_per_row +\\d+ layers"));
      assertThat(lines).contains("  exclude_layers: no layer is called like nothing");
      assertThat(lines).anyMatch(l -> l.contains("excluded by 'norm'"));
      assertThat(lines).anyMatch(l -> l.contains(LayerPlan.OUTSIDE));
      assertThat(lines).contains("quantized text_encoder_2: the whole component");
    }
  }

  @Test
  void whatMatchesNothingIsRefusedBeforeLoading() {
    refuses("{exclude_layers: [o, n, ff]}", "matches no layer of transformer");
    refuses("{quant_type: float8_blockwise}", "float8_per_block: not divisible by 128");
    refuses("{precision_plan: {conv: int8}}", "no layer of transformer is called like conv");
    refuses("{components_to_quantize: [prior]}", "has no prior, it has");
    refuses("{components_to_quantize: [vae]}", "vae has no layers that can be quantized");
  }

  private static void refuses(String section, String message) {
    assertThatThrownBy(() -> Engine.load(MODEL, quantized(section)).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void settingsAreThoseOfAFile() {
    assertThat(quantized("{quant_type: int8, exclude_layers: [a]}").formats().settings())
        .containsEntry("quant_type", "int8_per_row")
        .containsEntry("exclude_layers", List.of("a"));
    assertThat(Strategies.cpu().formats().settings()).isEqualTo(Map.of());
  }
}
