package io.jdit.textencoder;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.nn.GatedFeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * A layer of a causal language model with grouped queries (transformers' Qwen3DecoderLayer,
 * LlamaDecoderLayer, Qwen2_5_VLDecoderLayer and MistralDecoderLayer): x + o(attention(norm(x))),
 * then x + feedForward(norm(x)). Key and value head j serves the query heads j g .. j g + g - 1.
 */
final class DecoderLayer {
  /**
   * What all layers see.
   *
   * @param cos [L, 1, headDim] in the model's dtype; sin likewise
   */
  record Context(Tensor cos, Tensor sin, KeyRange keys) {}

  private final RmsNorm inputNorm;
  private final Linear q;
  private final Linear k;
  private final Linear v;
  private final Linear o;
  private final RmsNorm qNorm; // null without norms; kNorm likewise
  private final RmsNorm kNorm;
  private final RmsNorm postAttentionNorm;
  private final GatedFeedForward feedForward;
  private final int headDim;
  private final int group;

  DecoderLayer(DecoderConfig c, Weights w, LinearFactory linears) {
    int d = c.hiddenSize();
    int queries = c.numAttentionHeads() * c.headDim();
    int keys = c.numKeyValueHeads() * c.headDim();
    Weights attn = w.at("self_attn");
    inputNorm = new RmsNorm(w.at("input_layernorm"), d, c.rmsNormEps());
    q = linears.column(attn.at("q_proj"), d, queries, c.qkvBias());
    k = linears.column(attn.at("k_proj"), d, keys, c.qkvBias());
    v = linears.column(attn.at("v_proj"), d, keys, c.qkvBias());
    o = linears.row(attn.at("o_proj"), queries, d, false);
    qNorm = c.qkNorm() ? new RmsNorm(attn.at("q_norm"), c.headDim(), c.rmsNormEps()) : null;
    kNorm = c.qkNorm() ? new RmsNorm(attn.at("k_norm"), c.headDim(), c.rmsNormEps()) : null;
    postAttentionNorm = new RmsNorm(w.at("post_attention_layernorm"), d, c.rmsNormEps());
    feedForward =
        new GatedFeedForward(
            w.at("mlp"), linears, GatedFeedForward.Names.PROJ, d, c.intermediateSize(), false);
    headDim = c.headDim();
    group = c.numAttentionHeads() / c.numKeyValueHeads();
  }

  /** in [1, L, hiddenSize] to the same shape. */
  Tensor forward(Tensor in, Context c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = inputNorm.forward(in);
      Tensor a =
          attended(
              rotated(heads(q.forward(n), qNorm), c),
              shared(rotated(heads(k.forward(n), kNorm), c)),
              shared(heads(v.forward(n), null)),
              c.keys);
      Tensor x = in.add(o.forward(a.flatten(2, 3)));
      return scope.keep(x.add(feedForward.forward(postAttentionNorm.forward(x))));
    }
  }

  /**
   * Queries see the keys that count up to their own place: those before the first see none and get
   * zeros, those after the last see all. All [1, L, heads, headDim].
   */
  private Tensor attended(Tensor query, Tensor key, Tensor value, KeyRange keys) {
    double scale = 1 / Math.sqrt(headDim);
    int tokens = (int) query.size(1);
    int n = keys.length();
    if (n == tokens) {
      return AttentionKernels.attention(query, key, value, scale, true);
    }
    Tensor k = key.narrow(1, keys.start(), n);
    Tensor v = value.narrow(1, keys.start(), n);
    Tensor seen = AttentionKernels.attention(query.narrow(1, keys.start(), n), k, v, scale, true);
    List<Tensor> parts = new ArrayList<>();
    if (keys.start() > 0) {
      parts.add(
          Tensor.zeros(seen.dtype(), seen.device(), 1, keys.start(), seen.size(2), seen.size(3)));
    }
    parts.add(seen);
    if (keys.end() < tokens) {
      Tensor after = query.narrow(1, keys.end(), tokens - keys.end());
      parts.add(AttentionKernels.attention(after, k, v, scale, false));
    }
    return Tensor.cat(1, parts.toArray(Tensor[]::new));
  }

  /** [1, L, heads headDim] to [1, L, heads, headDim]. */
  private Tensor heads(Tensor x, RmsNorm norm) {
    Tensor split = x.view(x.size(0), x.size(1), -1, headDim);
    return norm == null ? split : norm.forward(split);
  }

  /** Rotation of the pairs (i, i + headDim / 2): x cos + [-x2, x1] sin. */
  private Tensor rotated(Tensor x, Context c) {
    Tensor[] halves = x.chunk(2, -1);
    return x.mul(c.cos).add(Tensor.cat(-1, halves[1].neg(), halves[0]).mul(c.sin));
  }

  private Tensor shared(Tensor x) {
    return group == 1 ? x : x.repeatInterleave(group, 2);
  }
}
