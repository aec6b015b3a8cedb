package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.Embedding;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** transformers' CLIPTextModel: causal transformer; FLUX uses its pooled vector. */
public final class ClipTextEncoder {
  /** Settings of CLIPTextConfig. */
  public record Config(
      int vocabSize,
      int hiddenSize,
      int intermediateSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int maxPositionEmbeddings,
      String hiddenAct,
      double layerNormEps,
      int eosTokenId) {

    public static Config read(ModelConfig file) {
      ModelConfig json = file.textConfig();
      String act = ClipLayer.activation(json);
      Config c =
          new Config(
              json.integer("vocab_size", 49408),
              json.integer("hidden_size", 512),
              json.integer("intermediate_size", 2048),
              json.integer("num_hidden_layers", 12),
              json.integer("num_attention_heads", 8),
              json.integer("max_position_embeddings", 77),
              act,
              json.number("layer_norm_eps", 1e-5),
              json.integer("eos_token_id", 49407));
      if (c.hiddenSize % c.numAttentionHeads != 0) {
        throw json.error(
            "hidden_size "
                + c.hiddenSize
                + " is not divisible by num_attention_heads "
                + c.numAttentionHeads);
      }
      return c;
    }
  }

  /**
   * The published configs say 2 whatever the vocabulary: then the end token is the one with the
   * largest id.
   */
  private static final int LEGACY_EOS = 2;

  private final Config config;
  private final Embedding tokenEmbedding;
  private final Embedding positionEmbedding;
  private final List<ClipLayer> layers = new ArrayList<>();
  private final LayerNorm finalLayerNorm;

  public ClipTextEncoder(Config config, Weights weights, LinearFactory linears) {
    this.config = config;
    Weights w = weights.has("text_model") ? weights.at("text_model") : weights;
    Weights embeddings = w.at("embeddings");
    tokenEmbedding =
        new Embedding(embeddings.at("token_embedding"), config.vocabSize, config.hiddenSize);
    positionEmbedding =
        new Embedding(
            embeddings.at("position_embedding"), config.maxPositionEmbeddings, config.hiddenSize);
    w.ignore(embeddings.prefix() + "position_ids");
    // The rest of a whole CLIP, and the heads of its other uses.
    weights.ignore(weights.prefix() + "logit_scale");
    weights.ignoreBelow("vision_model", "visual_projection", "text_projection", "classifier");
    linears.headsPerRank(config.numAttentionHeads);
    for (int i = 0; i < config.numHiddenLayers; i++) {
      layers.add(
          new ClipLayer(
              new ClipLayer.Shape(
                  config.hiddenSize,
                  config.intermediateSize,
                  config.numAttentionHeads,
                  config.hiddenAct,
                  config.layerNormEps),
              w.at("encoder.layers").at(i),
              linears,
              true));
    }
    finalLayerNorm =
        new LayerNorm(w.at("final_layer_norm"), config.hiddenSize, config.layerNormEps);
  }

  public Config config() {
    return config;
  }

  /**
   * Hidden states after the final norm.
   *
   * @param ids int64 [B, L]
   * @return [B, L, hiddenSize]
   */
  public Tensor forward(Tensor ids) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x =
          tokenEmbedding.forward(ids).add(positionEmbedding.weight().narrow(0, 0, ids.size(1)));
      for (ClipLayer layer : layers) {
        x = layer.forward(x);
      }
      return scope.keep(finalLayerNorm.forward(x));
    }
  }

  /**
   * The vector at each row's end token.
   *
   * @param ids [B][L]
   * @return [B, hiddenSize]
   */
  public Tensor pooled(long[][] ids) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor hidden = forward(TokenBatch.tensor(ids, positionEmbedding.weight().device()));
      Tensor[] rows = new Tensor[ids.length];
      for (int b = 0; b < rows.length; b++) {
        rows[b] = hidden.select(0, b).select(0, endPosition(ids[b]));
      }
      return scope.keep(Tensor.stack(0, rows));
    }
  }

  private int endPosition(long[] ids) {
    int best = 0;
    for (int i = 0; i < ids.length; i++) {
      if (config.eosTokenId != LEGACY_EOS && ids[i] == config.eosTokenId) {
        return i;
      }
      if (config.eosTokenId == LEGACY_EOS && ids[i] > ids[best]) {
        best = i;
      }
    }
    return best;
  }
}
