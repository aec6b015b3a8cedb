package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Residency;
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
import java.util.Arrays;
import java.util.List;

/**
 * transformers' T5EncoderModel (version 1.1, gated GELU), and UMT5EncoderModel, whose layers have a
 * relative bias of their own each.
 */
public final class T5Encoder {
  /**
   * Settings of T5Config that the encoder needs.
   *
   * @param biasPerLayer whether each layer has a relative bias, else all share that of the first
   */
  public record Config(
      int vocabSize,
      int dModel,
      int dKv,
      int dFf,
      int numLayers,
      int numHeads,
      int relativeAttentionNumBuckets,
      int relativeAttentionMaxDistance,
      double layerNormEpsilon,
      boolean biasPerLayer) {

    public static Config read(ModelConfig json) {
      return read(json, 32128, 2048, 6, 8, false);
    }

    /** Of UMT5Config. */
    public static Config readUmt5(ModelConfig json) {
      return read(json, 250112, 1024, 8, 6, true);
    }

    private static Config read(
        ModelConfig json, int vocabulary, int dFf, int layers, int heads, boolean biasPerLayer) {
      json.requireText("feed_forward_proj", "gated-gelu");
      return new Config(
          json.integer("vocab_size", vocabulary),
          json.integer("d_model", 512),
          json.integer("d_kv", 64),
          json.integer("d_ff", dFf),
          json.integer("num_layers", layers),
          json.integer("num_heads", heads),
          json.integer("relative_attention_num_buckets", 32),
          json.integer("relative_attention_max_distance", 128),
          json.number("layer_norm_epsilon", 1e-6),
          biasPerLayer);
    }
  }

  private final Config config;
  private final Embedding shared;
  private final List<Tensor> relativeAttentionBias = // [buckets, heads on this rank] of a layer
      new ArrayList<>();
  private final List<Residency.Held<Layer>> layers = new ArrayList<>();
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
    for (int i = 0; i < config.numLayers; i++) {
      if (i == 0 || config.biasPerLayer) {
        relativeAttentionBias.add(
            blocks
                .at(i)
                .at("layer.0.SelfAttention.relative_attention_bias")
                .cut(1, linears.rank(), linears.ranks())
                .get("weight", config.relativeAttentionNumBuckets, config.numHeads));
      }
      layers.add(blocks.at(i).at("layer").hold(l -> new Layer(config, l, linears)));
    }
    finalLayerNorm =
        new RmsNorm(w.at("encoder.final_layer_norm"), config.dModel, config.layerNormEpsilon);
  }

  public Config config() {
    return config;
  }

  /**
   * Encodes token ids. All tokens see each other, padding too, as FLUX calls it.
   *
   * @param ids [B][L]
   * @return [B, L, dModel]
   */
  public Tensor forward(long[][] ids) {
    Device device = shared.weight().device();
    layers.forEach(Residency.Held::expect);
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = shared.forward(TokenBatch.tensor(ids, device));
      Tensor buckets = buckets(ids[0].length, device);
      Tensor first = positionBias(relativeAttentionBias.get(0), buckets);
      for (int i = 0; i < layers.size(); i++) {
        Tensor bias =
            i == 0 || !config.biasPerLayer
                ? first
                : positionBias(relativeAttentionBias.get(i), buckets);
        try (Tensor in = x) {
          x = layers.get(i).use(layer -> layer.forward(in, bias));
        }
        if (bias != first) {
          bias.close();
        }
      }
      return scope.keep(finalLayerNorm.forward(x));
    }
  }

  /**
   * Encodes the first {@code length} tokens of a padded text, as if a mask hid the padding, and
   * sets its rows to zero: what Wan's transformer sees.
   *
   * @param ids [L]
   * @return [1, L, dModel]
   */
  public Tensor forwardUnpadded(long[] ids, int length) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = forward(new long[][] {Arrays.copyOf(ids, length)});
      Tensor padding =
          Tensor.zeros(x.dtype(), x.device(), 1, (long) ids.length - length, config.dModel);
      return scope.keep(Tensor.cat(1, x, padding));
    }
  }

  /** Bucket of key minus query, int64 [L, L]. */
  private Tensor buckets(int length, Device device) {
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
      return scope.keep(Tensor.of(buckets, length, length).to(device));
    }
  }

  /** Additive attention bias [1, H, L, L]. */
  private static Tensor positionBias(Tensor table, Tensor buckets) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          Functional.embedding(table, buckets).permute(2, 0, 1).unsqueeze(0).contiguous());
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
