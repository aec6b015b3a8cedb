package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizeSectionTest {
  private static QuantizeConfig read(String yaml, Values options) {
    return QuantizeSection.read(SettingsFile.parse(yaml, "test.yaml", UnknownKeys.REJECT), options);
  }

  private static QuantizeConfig read(String section) {
    return read("quantize_config: " + section, Values.none());
  }

  @ParameterizedTest
  @CsvSource({
    "float8, FLOAT8_PER_ROW",
    "float8_per_row, FLOAT8_PER_ROW",
    "FLOAT8_WO, FLOAT8_WEIGHT_ONLY",
    "float8_weight_only, FLOAT8_WEIGHT_ONLY",
    "float8_blockwise, FLOAT8_PER_BLOCK",
    "float8_per_block, FLOAT8_PER_BLOCK",
    "float8_per_tensor, FLOAT8_PER_TENSOR",
    "int8, INT8_PER_ROW",
    "int8_per_row, INT8_PER_ROW",
    "int8_per_tensor, INT8_PER_TENSOR",
    "int8_wo, INT8_WEIGHT_ONLY",
    "int8_weight_only, INT8_WEIGHT_ONLY",
    "int4_wo, INT4_WEIGHT_ONLY",
    "int4_weight_only, INT4_WEIGHT_ONLY"
  })
  void namesOfTodayAndBefore(String name, QuantType type) {
    assertThat(read("{quant_type: " + name + "}").plan("transformer").type()).isEqualTo(type);
  }

  @Test
  void defaultsAreCacheDits() {
    LayerPlan plan = read("{}").plan("transformer_2");
    assertThat(plan.type()).isEqualTo(QuantType.FLOAT8_PER_ROW);
    assertThat(plan.exclude()).containsExactly("embedder", "embed", "modulation", "mod");
    assertThat(plan.regional()).isTrue();
    assertThat(plan.perTensorFallback()).isTrue();
    assertThat(read("{}").plan("text_encoder")).isNull();
    assertThat(read("{backend: none}").isNone()).isTrue();
    assertThat(read("cache_config: {}", Values.none()).isNone()).isTrue();
    assertThat(read("{quant_type: float8, per_row: false}").plan("transformer").type())
        .isEqualTo(QuantType.FLOAT8_PER_TENSOR);
  }

  @Test
  void optionsLieOverTheFile() {
    Values options =
        Values.of(QuantizeKeys.QUANT_TYPE, "int8").with(QuantizeKeys.EXCLUDE_LAYERS, List.of("ff"));
    LayerPlan plan =
        read("quantize_config: {quant_type: float8, exclude_layers: [embed]}", options)
            .plan("transformer");
    assertThat(plan.type()).isEqualTo(QuantType.INT8_PER_ROW);
    assertThat(plan.exclude()).containsExactly("ff");
    assertThat(QuantizeSection.read(null, options).plan("transformer")).isNotNull();
    assertThatThrownBy(
            () -> QuantizeSection.read(null, Values.of(QuantizeKeys.EXCLUDE_LAYERS, List.of("ff"))))
        .hasMessageContaining("--quantization TYPE");
  }

  @Test
  void componentsHaveSettingsOfTheirOwn() {
    QuantizeConfig config =
        read(
            "{quant_type: int8, exclude_layers: [embed], components_to_quantize: {text_encoder_2:"
                + " {quant_type: int8_weight_only, exclude_layers: []}, transformer_2: float8}}");
    assertThat(config.plan("transformer").type()).isEqualTo(QuantType.INT8_PER_ROW);
    assertThat(config.plan("transformer_2").type()).isEqualTo(QuantType.FLOAT8_PER_ROW);
    assertThat(config.plan("transformer_2").exclude()).containsExactly("embed");
    LayerPlan text = config.plan("text_encoder_2");
    assertThat(text.type()).isEqualTo(QuantType.INT8_WEIGHT_ONLY);
    assertThat(text.exclude()).isEmpty();
    assertThat(text.regional()).isFalse();
    QuantizeConfig list = read("{quant_type: int8, components_to_quantize: [text_encoder]}");
    assertThat(list.plan("text_encoder").type()).isEqualTo(QuantType.INT8_PER_ROW);
  }

  @Test
  void aFileOfCacheDitsExamples() {
    QuantizeConfig config =
        read(
            """
            cache_config:
              max_warmup_steps: 8
            quantize_config:
              quant_type: "float8_per_row"
              exclude_layers: ["embedder", "embed"]
              regional_quantize: true
              repeated_blocks: []
              filter_fn: null
              precision_plan: {to_out: float8_weight_only, norm1: int8}
              per_tensor_fallback: true
              verbose: true
            """,
            Values.none());
    LayerPlan plan = config.plan("transformer");
    assertThat(config.verbose()).isTrue();
    assertThat(plan.choose("transformer_blocks.3.attn.to_out.0", 64, 64, false).type())
        .isEqualTo(QuantType.FLOAT8_WEIGHT_ONLY);
    assertThat(plan.choose("transformer_blocks.3.norm1.linear", 64, 64, false).type())
        .isEqualTo(QuantType.INT8_PER_ROW);
    assertThat(plan.choose("transformer_blocks.3.attn.to_q", 64, 64, false).type())
        .isEqualTo(QuantType.FLOAT8_PER_ROW);
  }

  @Test
  void mistakesNameThePlaceAndTheWayOut() {
    refuses("{quant_type: int9}", "quantize_config: unknown quantization type 'int9'");
    refuses("{quant_type: int9}", "did you mean 'int8'?");
    refuses("{quant_type: nvfp4}", "nvfp4 is not supported: it computes in 4 bits");
    refuses("{quant_type: svdq_int4_r32}", "svdq_int4_r32 is not supported: SVDQuant");
    refuses("{quant_typ: int8}", "unknown key 'quant_typ'; did you mean 'quant_type'?");
    refuses("{exclude_layers: 3}", "expected a list of parts of layer names, found 3");
    refuses("{repeated_blocks: [FluxTransformerBlock]}", "repeated_blocks is not supported");
    refuses("{svdq_kwargs: {a: 1}}", "svdq_kwargs is not supported");
    refuses("{backend: cache_dit}", "use auto or torchao");
    refuses("{precision_plan: [a]}", "precision_plan: expected a map of words to types");
    refuses("{precision_plan: {a: int8}, regional_quantize: false}", "needs regional_quantize");
    refuses("{precision_plan: {a: 7}}", "precision_plan.a: unknown quantization type");
    refuses("{components_to_quantize: 4}", "components_to_quantize: expected a list");
    refuses("{components_to_quantize: {vae: {quant: int8}}}", "did you mean 'quant_type'?");
  }

  private static void refuses(String section, String message) {
    assertThatThrownBy(() -> read(section))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("test.yaml: quantize_config")
        .hasMessageContaining(message);
  }

  /** Effects of the default words that Cache-DiT's own lists have on published models. */
  @ParameterizedTest
  @CsvSource({
    "single_transformer_blocks.7.norm.linear, true",
    "transformer_blocks.0.norm1.linear, true",
    "transformer_blocks.0.ff.net.0.proj, true",
    "transformer_blocks.0.img_mod.1, false",
    "layers.2.adaLN_modulation.0, false",
    "layers.2.attention.to_q, true",
    "noise_refiner.0.feed_forward.w1, true",
    "x_embedder, false",
    "proj_out, false",
    "time_text_embed.timestep_embedder.linear_1, false",
    "cap_embedder.1, false",
    "condition_embedder.image_embedder.ff.net.0.proj, false"
  })
  void blocksOnlyAndNoExcludedWords(String layer, boolean quantized) {
    LayerPlan plan = LayerPlan.of(QuantType.INT8_PER_ROW);
    assertThat(plan.choose(layer, 64, 64, false).type() != null).isEqualTo(quantized);
  }

  @Test
  void whatDoesNotFitATypeIsSkippedWithAReason() {
    String name = "transformer_blocks.0.attn.to_q";
    assertThat(LayerPlan.of(QuantType.FLOAT8_PER_BLOCK).choose(name, 128, 192, false).reason())
        .isEqualTo("float8_per_block: not divisible by 128");
    assertThat(LayerPlan.of(QuantType.FLOAT8_PER_ROW).choose(name, 24, 64, false).reason())
        .isEqualTo("float8_per_row: not divisible by 16");
    assertThat(LayerPlan.of(QuantType.INT4_WEIGHT_ONLY).choose(name, 64, 48, false).reason())
        .isEqualTo("int4_weight_only: inputs not divisible by 32");
    assertThat(LayerPlan.of(QuantType.FLOAT8_WEIGHT_ONLY).choose(name, 24, 40, false).type())
        .isNotNull();
  }

  @Test
  void rowShardsOfFloat8HaveOneScale() {
    String name = "transformer_blocks.0.attn.to_out.0";
    assertThat(read("{}").plan("transformer").choose(name, 64, 64, true).type())
        .isEqualTo(QuantType.FLOAT8_PER_TENSOR);
    assertThat(read("{per_tensor_fallback: false}").plan("transformer").choose(name, 64, 64, true))
        .extracting(LayerPlan.Choice::type, LayerPlan.Choice::reason)
        .containsExactly(null, "columns shared out over ranks");
    assertThat(LayerPlan.of(QuantType.INT8_PER_ROW).choose(name, 64, 64, true).type())
        .isEqualTo(QuantType.INT8_PER_ROW);
  }
}
