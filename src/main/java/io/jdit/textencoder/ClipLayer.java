package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** transformers' CLIPEncoderLayer, of the text and of the picture encoder. */
final class ClipLayer {
  /** Sizes of a layer. */
  record Shape(int width, int feedForward, int heads, String activation, double eps) {}

  private final LayerNorm layerNorm1;
  private final LayerNorm layerNorm2;
  private final Linear q;
  private final Linear k;
  private final Linear v;
  private final Linear out;
  private final Linear fc1;
  private final Linear fc2;
  private final int headDim;
  private final boolean quickGelu;
  private final boolean causal;

  ClipLayer(Shape s, Weights w, LinearFactory linears, boolean causal) {
    int d = s.width;
    Weights attn = w.at("self_attn");
    layerNorm1 = new LayerNorm(w.at("layer_norm1"), d, s.eps);
    layerNorm2 = new LayerNorm(w.at("layer_norm2"), d, s.eps);
    q = linears.column(attn.at("q_proj"), d, d, true);
    k = linears.column(attn.at("k_proj"), d, d, true);
    v = linears.column(attn.at("v_proj"), d, d, true);
    out = linears.row(attn.at("out_proj"), d, d, true);
    fc1 = linears.column(w.at("mlp.fc1"), d, s.feedForward, true);
    fc2 = linears.row(w.at("mlp.fc2"), s.feedForward, d, true);
    headDim = d / s.heads;
    quickGelu = s.activation.equals("quick_gelu");
    this.causal = causal;
  }

  /** The activation that a config names, quick_gelu or gelu. */
  static String activation(ModelConfig json) {
    String act = json.text("hidden_act", "quick_gelu");
    if (!act.equals("quick_gelu") && !act.equals("gelu")) {
      throw json.error("hidden_act '" + act + "' is not supported, quick_gelu and gelu are");
    }
    return act;
  }

  /** x [B, L, width], the same out. */
  Tensor forward(Tensor in) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = layerNorm1.forward(in);
      Tensor o =
          Functional.scaledDotProductAttention(
              heads(q.forward(n)),
              heads(k.forward(n)),
              heads(v.forward(n)),
              null,
              causal,
              1 / Math.sqrt(headDim));
      Tensor x = in.add(out.forward(o.transpose(1, 2).flatten(2, 3)));
      Tensor h = fc1.forward(layerNorm2.forward(x));
      Tensor a = quickGelu ? h.mul(h.mul(1.702).sigmoid()) : Functional.gelu(h);
      return scope.keep(x.add(fc2.forward(a)));
    }
  }

  private Tensor heads(Tensor x) {
    return x.view(x.size(0), x.size(1), -1, headDim).transpose(1, 2);
  }
}
