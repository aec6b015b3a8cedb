package io.jdit.family.wan;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' WanImageEmbedding: LN, linear, GELU, linear, LN; the norms in float32. */
final class PictureEmbedder {
  private static final double EPS = 1e-5;

  private final LayerNorm norm1;
  private final Linear in;
  private final Linear out;
  private final LayerNorm norm2;

  PictureEmbedder(WanConfig config, Weights w, LinearFactory linears) {
    Weights exact = w.as(DType.FLOAT32);
    int dim = config.imageDim();
    norm1 = new LayerNorm(exact.at("norm1"), dim, EPS);
    in = linears.replicated(w.at("ff.net.0.proj"), dim, dim, true);
    out = linears.replicated(w.at("ff.net.2"), dim, config.innerDim(), true);
    norm2 = new LayerNorm(exact.at("norm2"), config.innerDim(), EPS);
  }

  /** [B, I, image_dim] to [B, I, D]. */
  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = norm1.forward(x.to(DType.FLOAT32)).to(x.dtype());
      h = out.forward(Functional.gelu(in.forward(h)));
      return scope.keep(norm2.forward(h.to(DType.FLOAT32)).to(x.dtype()));
    }
  }
}
