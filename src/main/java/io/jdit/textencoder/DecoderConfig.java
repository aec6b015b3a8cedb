package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/**
 * Settings of a causal language model of the kind of {@link DecoderModel}: transformers'
 * Qwen3Config, and the text part of Qwen2_5_VLConfig.
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
    int hidden = json.integer("hidden_size", 4096);
    int headDim = json.integer("head_dim", 128);
    return read(json, hidden, headDim, json.flag("attention_bias", false), true);
  }

  private static DecoderConfig read(
      ModelConfig json, int hidden, int headDim, boolean qkvBias, boolean qkNorm) {
    json.requireText("hidden_act", "silu");
    if (json.flag("use_sliding_window", false)) {
      throw json.error("use_sliding_window is not supported");
    }
    int heads = json.integer("num_attention_heads", 32);
    DecoderConfig c =
        new DecoderConfig(
            json.integer("vocab_size", 151936),
            hidden,
            json.integer("intermediate_size", 22016),
            json.integer("num_hidden_layers", 32),
            heads,
            json.integer("num_key_value_heads", heads),
            headDim,
            json.number("rms_norm_eps", 1e-6),
            json.number("rope_theta", 1e6),
            qkvBias,
            qkNorm,
            new int[] {headDim / 2});
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
