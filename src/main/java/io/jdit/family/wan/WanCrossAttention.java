package io.jdit.family.wan;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Attention to the text, and to a picture with keys and values of its own whose result is added.
 * Both are complete on every rank.
 */
final class WanCrossAttention {
  private final HeadProjections text;
  private final HeadProjections picture; // null for models that take none
  private final Linear toOut;
  private final Attention attention;

  WanCrossAttention(WanConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    text = HeadProjections.acrossHeads(w, linears, config.heads(), Names.HIDDEN);
    picture =
        config.takesPictureEmbeddings()
            ? HeadProjections.acrossHeads(w, linears, config.heads(), Names.ADDED_KEYS)
            : null;
    toOut = linears.row(w.at("to_out.0"), d, d, true);
    this.attention = attention.local();
  }

  /**
   * @param x [B, N, D]
   * @param context [B, I + L, D], the first {@code pictureTokens} rows are the picture's
   */
  Tensor forward(Tensor x, Tensor context, long pictureTokens) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor prompt = context.narrow(1, pictureTokens, context.size(1) - pictureTokens);
      Tensor q = text.query(x);
      Tensor o = attention.forward(q, text.key(prompt), text.value(prompt));
      if (picture != null) {
        Tensor seen = context.narrow(1, 0, pictureTokens);
        o = o.add(attention.forward(q, picture.key(seen), picture.value(seen)));
      }
      return scope.keep(toOut.forward(o.flatten(2, 3)));
    }
  }
}
