package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/**
 * Settings of a causal language model of the kind of {@link DecoderModel}: transformers'
 * Qwen3Config, LlamaConfig, and the text parts of Qwen2_5_VLConfig and Mistral3Config.
 *
 * @param qkvBias whether the projections of query, key and value have a bias
 * @param qkNorm whether query and key are normalised over each head
 * @param mropeSection frequencies that each axis of the positions gets; one section for models with
 *     one axis
 */
public record DecoderConfig(
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int headDim,
    double rmsNormEps,
    double ropeTheta,
    boolean qkvBias,
    boolean qkNorm,
    int[] mropeSection) {

  /** Qwen3Config. */
  public static DecoderConfig qwen3(ModelConfig json) {
    int headDim = json.integer("head_dim", 128);
    boolean bias = json.flag("attention_bias", false);
    return read(json, headDim, bias, true, new int[] {headDim / 2});
  }

  /**
   * Text part of Qwen2_5_VLConfig, flat as published or in {@code text_config} as transformers 5
   * writes it.
   */
  public static DecoderConfig qwen25Vl(ModelConfig json) {
    ModelConfig text = json.has("text_config") ? json.section("text_config") : json;
    int headDim = text.integer("hidden_size", 8192) / text.integer("num_attention_heads", 64);
    ModelConfig rope =
        text.section(text.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
    return read(text, headDim, true, false, rope.integers("mrope_section"));
  }

  /**
   * LlamaConfig.
   *
   * @throws io.jdit.checkpoint.ModelFormatException when it asks for biases or a rescaled rotary
   *     embedding, or does not say {@code rope_theta}
   */
  public static DecoderConfig llama(ModelConfig json) {
    for (String key : new String[] {"attention_bias", "mlp_bias"}) {
      if (json.flag(key, false)) {
        throw json.error(key + " true is not supported, only false is");
      }
    }
    ModelConfig theta = json;
    for (String key : new String[] {"rope_scaling", "rope_parameters"}) {
      if (json.has(key)) {
        ModelConfig rope = json.section(key);
        rope.requireText("rope_type", "default");
        theta = rope.has("rope_theta") ? rope : theta;
      }
    }
    if (!theta.has("rope_theta")) {
      throw json.error("the key rope_theta is missing");
    }
    int headDim =
        json.integer("head_dim", json.integer("hidden_size") / json.integer("num_attention_heads"));
    return read(json, headDim, false, false, new int[] {headDim / 2});
  }

  /** Text part of Mistral3Config. */
  public static DecoderConfig mistral3(ModelConfig json) {
    ModelConfig text = json.textConfig();
    if (text.has("sliding_window")) {
      throw text.error("sliding_window is not supported");
    }
    int headDim =
        text.integer("head_dim", text.integer("hidden_size") / text.integer("num_attention_heads"));
    return read(text, headDim, false, false, new int[] {headDim / 2});
  }

  private static DecoderConfig read(
      ModelConfig json, int headDim, boolean qkvBias, boolean qkNorm, int[] sections) {
    json.requireText("hidden_act", "silu");
    if (json.flag("use_sliding_window", false)) {
      throw json.error("use_sliding_window is not supported");
    }
    ModelConfig rope = json.has("rope_parameters") ? json.section("rope_parameters") : json;
    int heads = json.integer("num_attention_heads", 32);
    DecoderConfig c =
        new DecoderConfig(
            json.integer("vocab_size", 151936),
            json.integer("hidden_size", 4096),
            json.integer("intermediate_size", 22016),
            json.integer("num_hidden_layers", 32),
            heads,
            json.integer("num_key_value_heads", heads),
            headDim,
            json.number("rms_norm_eps", 1e-6),
            rope.number("rope_theta", 1e6),
            qkvBias,
            qkNorm,
            sections);
    if (heads % c.numKeyValueHeads != 0) {
      throw json.error(
          "num_attention_heads "
              + heads
              + " is not divisible by num_key_value_heads "
              + c.numKeyValueHeads);
    }
    if (headDim % 2 != 0 || Arrays.stream(c.mropeSection).sum() != headDim / 2) {
      throw json.error(
          "sections "
              + Arrays.toString(c.mropeSection)
              + " of the rotary embedding do not add up to half of head_dim "
              + headDim);
    }
    return c;
  }
}
