package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.Embedding;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** transformers' T5EncoderModel (version 1.1, gated GELU): no attention mask, as FLUX calls it. */
public final class T5Encoder {
  /** Settings of T5Config that the encoder needs. */
  public record Config(
      int vocabSize,
      int dModel,
      int dKv,
      int dFf,
      int numLayers,
      int numHeads,
      int relativeAttentionNumBuckets,
      int relativeAttentionMaxDistance,
      double layerNormEpsilon) {

    public static Config read(ModelConfig json) {
      json.requireText("feed_forward_proj", "gated-gelu");
      return new Config(
          json.integer("vocab_size", 32128),
          json.integer("d_model", 512),
          json.integer("d_kv", 64),
          json.integer("d_ff", 2048),
          json.integer("num_layers", 6),
          json.integer("num_heads", 8),
          json.integer("relative_attention_num_buckets", 32),
          json.integer("relative_attention_max_distance", 128),
          json.number("layer_norm_epsilon", 1e-6));
    }
  }

  private final Config config;
  private final Embedding shared;
  private final Tensor relativeAttentionBias; // [buckets, heads on this rank]
  private final List<Layer> layers = new ArrayList<>();
  private final RmsNorm finalLayerNorm;

  public T5Encoder(Config config, Weights w, LinearFactory linears) {
    this.config = config;
    String table = w.has("shared") ? "shared" : "encoder.embed_tokens";
    shared = new Embedding(w.at(table), config.vocabSize, config.dModel);
    // A copy of the shared table in older files.
    w.ignore("encoder.embed_tokens.weight");
    // The other half of a whole T5, and the heads of its other uses.
    w.ignoreBelow("decoder", "lm_head", "classification_head", "classifier", "qa_outputs");
    Weights blocks = w.at("encoder.block");
    linears.headsPerRank(config.numHeads);
    relativeAttentionBias =
        blocks
            .at("0.layer.0.SelfAttention.relative_attention_bias")
            .cut(1, linears.rank(), linears.ranks())
            .get("weight", config.relativeAttentionNumBuckets, config.numHeads);
    for (int i = 0; i < config.numLayers; i++) {
      layers.add(new Layer(config, blocks.at(i).at("layer"), linears));
    }
    finalLayerNorm =
        new RmsNorm(w.at("encoder.final_layer_norm"), config.dModel, config.layerNormEpsilon);
  }

  public Config config() {
    return config;
  }

  /**
   * Encodes token ids.
   *
   * @param ids [B][L]
   * @return [B, L, dModel]
   */
  public Tensor forward(long[][] ids) {
    Device device = shared.weight().device();
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = shared.forward(TokenBatch.tensor(ids, device));
      Tensor bias = positionBias(ids[0].length, device);
      for (Layer layer : layers) {
        Tensor next = layer.forward(x, bias);
        x.close();
        x = next;
      }
      return scope.keep(finalLayerNorm.forward(x));
    }
  }

  /** Additive attention bias [1, H, L, L] from the bucket of key minus query. */
  private Tensor positionBias(int length, Device device) {
    long[] buckets = new long[length * length];
    for (int query = 0; query < length; query++) {
      for (int key = 0; key < length; key++) {
        buckets[query * length + key] =
            bucket(
                key - query,
                config.relativeAttentionNumBuckets,
                config.relativeAttentionMaxDistance);
      }
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor index = Tensor.of(buckets, length, length).to(device);
      return scope.keep(
          Functional.embedding(relativeAttentionBias, index)
              .permute(2, 0, 1)
              .unsqueeze(0)
              .contiguous());
    }
  }

  /**
   * Bidirectional bucket of a relative position: exact up to a quarter of the buckets, then
   * logarithmic. Evaluated in float32 as the reference does, which decides at the edges.
   */
  static int bucket(int relative, int buckets, int maxDistance) {
    int half = buckets / 2;
    int exact = half / 2;
    int base = relative > 0 ? half : 0;
    int distance = Math.abs(relative);
    if (distance < exact) {
      return base + distance;
    }
    float log = (float) Math.log((float) distance / exact);
    float scaled = log / (float) Math.log((double) maxDistance / exact) * (half - exact);
    return base + Math.min(half - 1, exact + (int) scaled);
  }

  private static final class Layer {
    private final RmsNorm attentionNorm;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final RmsNorm feedForwardNorm;
    private final Linear wi0;
    private final Linear wi1;
    private final Linear wo;
    private final DType woDtype;
    private final int headDim;

    Layer(Config c, Weights w, LinearFactory linears) {
      int inner = c.numHeads * c.dKv;
      Weights attn = w.at("0.SelfAttention");
      Weights dense = w.at("1.DenseReluDense");
      attentionNorm = new RmsNorm(w.at("0.layer_norm"), c.dModel, c.layerNormEpsilon);
      q = linears.column(attn.at("q"), c.dModel, inner, false);
      k = linears.column(attn.at("k"), c.dModel, inner, false);
      v = linears.column(attn.at("v"), c.dModel, inner, false);
      o = linears.row(attn.at("o"), inner, c.dModel, false);
      feedForwardNorm = new RmsNorm(w.at("1.layer_norm"), c.dModel, c.layerNormEpsilon);
      wi0 = linears.column(dense.at("wi_0"), c.dModel, c.dFf, false);
      wi1 = linears.column(dense.at("wi_1"), c.dModel, c.dFf, false);
      // float16 overflows here: the reference keeps this weight, and so the residual stream, in
      // float32.
      woDtype = w.dtype() == DType.FLOAT16 ? DType.FLOAT32 : w.dtype();
      wo = linears.row(dense.at("wo").as(woDtype), c.dFf, c.dModel, false);
      headDim = c.dKv;
    }

    Tensor forward(Tensor in, Tensor bias) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor n = attentionNorm.forward(in);
        Tensor a =
            Functional.scaledDotProductAttention(
                heads(q.forward(n)), heads(k.forward(n)), heads(v.forward(n)), bias, false, 1.0);
        Tensor x = in.add(o.forward(a.transpose(1, 2).flatten(2, 3)));
        Tensor y = feedForwardNorm.forward(x);
        Tensor h = Functional.geluTanh(wi0.forward(y)).mul(wi1.forward(y));
        return scope.keep(x.add(wo.forward(h.to(woDtype))));
      }
    }

    private Tensor heads(Tensor x) {
      return x.view(x.size(0), x.size(1), -1, headDim).transpose(1, 2);
    }
  }
}
