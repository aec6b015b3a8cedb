package io.jdit.textencoder;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Embedding;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A causal language model whose hidden states condition a picture: transformers' Qwen3Model,
 * LlamaModel and the language model of Qwen2.5-VL. One text at a time; L tokens.
 */
public final class DecoderModel {
  private final DecoderConfig config;
  private final DType dtype;
  private final Embedding embedTokens;
  private final List<DecoderLayer> layers = new ArrayList<>();
  private final RmsNorm norm;

  /**
   * @param root of the checkpoint: tensors may lie below {@code model.language_model}, {@code
   *     model}, or at its root; a head for logits is ignored
   * @param linears where heads of keys cannot be shared out, every rank holds all layers
   */
  public DecoderModel(DecoderConfig config, Weights root, LinearFactory linears) {
    this.config = config;
    this.dtype = root.dtype();
    LinearFactory shared = linears.sharingHeads(config.numKeyValueHeads());
    Weights w = model(root);
    root.ignore(root.prefix() + "lm_head.weight");
    embedTokens = new Embedding(w.at("embed_tokens"), config.vocabSize(), config.hiddenSize());
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      layers.add(new DecoderLayer(config, w.at("layers").at(i), shared));
    }
    norm = new RmsNorm(w.at("norm"), config.hiddenSize(), config.rmsNormEps());
  }

  private static Weights model(Weights root) {
    if (root.has("model.language_model.embed_tokens")) {
      return root.at("model.language_model");
    }
    return root.has("embed_tokens") ? root : root.at("model");
  }

  public DecoderConfig config() {
    return config;
  }

  /** Embeddings of the ids, [1, L, hiddenSize]. */
  public Tensor embed(long[] ids) {
    return embedTokens.forward(TokenBatch.tensor(new long[][] {ids}, device()));
  }

  private Device device() {
    return embedTokens.weight().device();
  }

  /**
   * Hidden states of a text, at the positions 0, 1, 2, ...
   *
   * @param length tokens that count as keys; those after it are padding
   */
  public List<Tensor> hiddenStates(long[] ids, int length, int... indices) {
    int[] sequence = new int[ids.length];
    Arrays.setAll(sequence, i -> i);
    int[][] positions = new int[config.mropeSection().length][];
    Arrays.fill(positions, sequence);
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> states = hiddenStates(embed(ids), positions, length, indices);
      states.forEach(scope::keep);
      return states;
    }
  }

  /**
   * Hidden states, numbered as transformers does: 0 are the embeddings, i what i layers give, and
   * the last one, after all layers, is normalised. Nothing beyond the highest index is computed.
   *
   * @param embeds [1, L, hiddenSize]
   * @param positions of each axis of the rotary embedding, [axes][L]
   * @param length tokens that count as keys; those after it are padding
   * @return a tensor [1, L, hiddenSize] for each index
   */
  public List<Tensor> hiddenStates(Tensor embeds, int[][] positions, int length, int... indices) {
    Tensor[] states = new Tensor[indices.length];
    int last = Arrays.stream(indices).max().orElse(0);
    try (TensorScope scope = TensorScope.open()) {
      DecoderLayer.Context context = context(positions, length);
      Tensor x = embeds.alias();
      for (int i = 0; ; i++) {
        for (int s = 0; s < indices.length; s++) {
          if (indices[s] == i) {
            states[s] = scope.keep(i == layers.size() ? norm.forward(x) : x.alias());
          }
        }
        if (i == last) {
          break;
        }
        Tensor next = layers.get(i).forward(x, context);
        x.close();
        x = next;
      }
    }
    return List.of(states);
  }

  /**
   * Angles position / theta^(2i / headDim), each in both halves of the head, computed in float32;
   * frequency i belongs to the axis whose section holds it.
   */
  private DecoderLayer.Context context(int[][] positions, int length) {
    int tokens = positions[0].length;
    int dim = config.headDim();
    float[] cos = new float[tokens * dim];
    float[] sin = new float[tokens * dim];
    int i = 0;
    for (int axis = 0; axis < positions.length; axis++) {
      for (int end = i + config.mropeSection()[axis]; i < end; i++) {
        float frequency = 1 / (float) Math.pow(config.ropeTheta(), (float) (2 * i) / dim);
        for (int t = 0; t < tokens; t++) {
          float angle = positions[axis][t] * frequency;
          int at = t * dim + i;
          cos[at] = cos[at + dim / 2] = (float) Math.cos(angle);
          sin[at] = sin[at + dim / 2] = (float) Math.sin(angle);
        }
      }
    }
    try (TensorScope scope = TensorScope.open()) {
      return new DecoderLayer.Context(
          scope.keep(Tensor.of(cos, tokens, 1, dim).to(device(), dtype)),
          scope.keep(Tensor.of(sin, tokens, 1, dim).to(device(), dtype)),
          length == tokens ? null : scope.keep(mask(tokens, length)));
    }
  }

  /** 0 where query row sees key column, else minus infinity. */
  private Tensor mask(int tokens, int length) {
    float[] mask = new float[tokens * tokens];
    for (int query = 0; query < tokens; query++) {
      int seen = Math.min(query + 1, length);
      Arrays.fill(mask, query * tokens + seen, (query + 1) * tokens, Float.NEGATIVE_INFINITY);
    }
    return Tensor.of(mask, 1, 1, tokens, tokens).to(device(), dtype);
  }
}
