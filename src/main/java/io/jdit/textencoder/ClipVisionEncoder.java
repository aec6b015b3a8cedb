package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * transformers' CLIPVisionModel up to the input of its last layer, which is what video pipelines
 * take of it. The last layer and the norm after it are read from the checkpoint and not computed.
 */
public final class ClipVisionEncoder {
  /** Settings of CLIPVisionConfig. */
  public record Config(
      int hiddenSize,
      int intermediateSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int imageSize,
      int patchSize,
      String hiddenAct,
      double layerNormEps) {

    public static Config read(ModelConfig file) {
      ModelConfig json = file.visionConfig();
      Config c =
          new Config(
              json.integer("hidden_size", 768),
              json.integer("intermediate_size", 3072),
              json.integer("num_hidden_layers", 12),
              json.integer("num_attention_heads", 12),
              json.integer("image_size", 224),
              json.integer("patch_size", 32),
              ClipLayer.activation(json),
              json.number("layer_norm_eps", 1e-5));
      if (c.hiddenSize % c.numAttentionHeads != 0) {
        throw json.error(
            "hidden_size "
                + c.hiddenSize
                + " is not divisible by num_attention_heads "
                + c.numAttentionHeads);
      }
      if (json.integer("num_channels", 3) != 3) {
        throw json.error("num_channels " + json.integer("num_channels") + ", expected 3");
      }
      return c;
    }

    private int grid() {
      return imageSize / patchSize;
    }

    /** Tokens of a picture: one for the whole, one for each patch. */
    public int tokens() {
      return 1 + grid() * grid();
    }
  }

  private final Config config;
  private final Tensor classEmbedding; // [D]
  private final Tensor patchEmbedding; // [D, 3, patch, patch]
  private final Tensor positionEmbedding; // [tokens, D]
  private final LayerNorm preLayerNorm;
  private final List<ClipLayer> layers = new ArrayList<>();

  public ClipVisionEncoder(Config config, Weights weights, LinearFactory linears) {
    this.config = config;
    Weights w = weights.has("vision_model") ? weights.at("vision_model") : weights;
    Weights embeddings = w.at("embeddings");
    int d = config.hiddenSize;
    int p = config.patchSize;
    classEmbedding = embeddings.get("class_embedding", d);
    patchEmbedding = embeddings.at("patch_embedding").get("weight", d, 3, p, p);
    positionEmbedding = embeddings.at("position_embedding").get("weight", config.tokens(), d);
    w.ignore(embeddings.prefix() + "position_ids");
    // The rest of a whole CLIP, and the heads of its other uses.
    weights.ignore(weights.prefix() + "logit_scale");
    weights.ignoreBelow("text_model", "text_projection", "visual_projection", "classifier");
    preLayerNorm = new LayerNorm(w.at("pre_layrnorm"), d, config.layerNormEps);
    linears.headsPerRank(config.numAttentionHeads);
    for (int i = 0; i < config.numHiddenLayers; i++) {
      layers.add(
          new ClipLayer(
              new ClipLayer.Shape(
                  d,
                  config.intermediateSize,
                  config.numAttentionHeads,
                  config.hiddenAct,
                  config.layerNormEps),
              w.at("encoder.layers").at(i),
              linears,
              false));
    }
    new LayerNorm(w.at("post_layernorm"), d, config.layerNormEps);
  }

  public Config config() {
    return config;
  }

  /**
   * Hidden states before the last layer.
   *
   * @param pixels normalised, [B, 3, imageSize, imageSize]
   * @return [B, tokens, hiddenSize]
   */
  public Tensor forward(Tensor pixels) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor patches =
          Functional.conv2d(pixels, patchEmbedding, null, config.patchSize, 0)
              .flatten(2, 3)
              .transpose(1, 2);
      Tensor whole = classEmbedding.view(1, 1, -1).repeat(pixels.size(0), 1, 1);
      Tensor x = preLayerNorm.forward(Tensor.cat(1, whole, patches).add(positionEmbedding));
      for (ClipLayer layer : layers.subList(0, layers.size() - 1)) {
        Tensor next = layer.forward(x);
        x.close();
        x = next;
      }
      return scope.keep(x);
    }
  }
}
