package io.jdit.textencoder;

import io.jdit.checkpoint.Residency;
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
 * LlamaModel and the language models of Qwen2.5-VL and Mistral 3. One text at a time; L tokens.
 */
public final class DecoderModel {
  private final DecoderConfig config;
  private final DType dtype;
  private final Embedding embedTokens;
  private final List<Residency.Held<DecoderLayer>> layers = new ArrayList<>();
  private final RmsNorm norm; // null when the last layers are left out

  /** All layers, see {@link #DecoderModel(DecoderConfig, Weights, LinearFactory, int)}. */
  public DecoderModel(DecoderConfig config, Weights root, LinearFactory linears) {
    this(config, root, linears, config.numHiddenLayers());
  }

  /**
   * @param root of the checkpoint: tensors may lie below {@code model.language_model}, {@code
   *     language_model.model}, {@code model}, or at its root; a head for logits is ignored
   * @param linears where heads of keys cannot be shared out, every rank holds all layers
   * @param deepest highest index of hidden states that will be asked for: layers after it are left
   *     out
   */
  public DecoderModel(DecoderConfig config, Weights root, LinearFactory linears, int deepest) {
    this.config = config;
    this.dtype = root.dtype();
    LinearFactory shared = linears.sharingHeads(config.numKeyValueHeads());
    Weights w = model(root);
    root.ignore(root.prefix() + "lm_head.weight", root.prefix() + "language_model.lm_head.weight");
    embedTokens = new Embedding(w.at("embed_tokens"), config.vocabSize(), config.hiddenSize());
    for (int i = 0; i < deepest; i++) {
      layers.add(w.at("layers").at(i).hold(l -> new DecoderLayer(config, l, shared)));
    }
    for (int i = deepest; i < config.numHiddenLayers(); i++) {
      w.at("layers").ignoreBelow(Integer.toString(i));
    }
    boolean whole = deepest == config.numHiddenLayers();
    norm = whole ? new RmsNorm(w.at("norm"), config.hiddenSize(), config.rmsNormEps()) : null;
    if (!whole) {
      w.ignoreBelow("norm");
    }
  }

  private static Weights model(Weights root) {
    for (String place : new String[] {"model.language_model", "language_model.model"}) {
      if (root.has(place + ".embed_tokens")) {
        return root.at(place);
      }
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

  /** Hidden states of a text with padding after {@code length} tokens. */
  public List<Tensor> hiddenStates(long[] ids, int length, int... indices) {
    return hiddenStates(ids, new KeyRange(0, length), indices);
  }

  /** Hidden states of a text, at the positions 0, 1, 2, ..., which count padding too. */
  public List<Tensor> hiddenStates(long[] ids, KeyRange keys, int... indices) {
    int[] sequence = new int[ids.length];
    Arrays.setAll(sequence, i -> i);
    int[][] positions = new int[config.mropeSection().length][];
    Arrays.fill(positions, sequence);
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> states = hiddenStates(embed(ids), positions, keys, indices);
      states.forEach(scope::keep);
      return states;
    }
  }

  /** Hidden states of embeddings that are all keys. */
  public List<Tensor> hiddenStates(Tensor embeds, int[][] positions, int length, int... indices) {
    return hiddenStates(embeds, positions, new KeyRange(0, length), indices);
  }

  /**
   * Hidden states, numbered as transformers does: 0 are the embeddings, i what i layers give, and
   * the last one, after all layers, is normalised. Nothing beyond the highest index is computed.
   *
   * @param embeds [1, L, hiddenSize]
   * @param positions of each axis of the rotary embedding, [axes][L]
   * @return a tensor [1, L, hiddenSize] for each index
   */
  private List<Tensor> hiddenStates(
      Tensor embeds, int[][] positions, KeyRange keys, int... indices) {
    Tensor[] states = new Tensor[indices.length];
    int last = Arrays.stream(indices).max().orElse(0);
    layers.subList(0, last).forEach(Residency.Held::expect);
    try (TensorScope scope = TensorScope.open()) {
      DecoderLayer.Context context = context(positions, keys);
      Tensor x = embeds.alias();
      for (int i = 0; ; i++) {
        for (int s = 0; s < indices.length; s++) {
          if (indices[s] == i) {
            states[s] = scope.keep(i == config.numHiddenLayers() ? norm.forward(x) : x.alias());
          }
        }
        if (i == last) {
          break;
        }
        try (Tensor in = x) {
          x = layers.get(i).use(layer -> layer.forward(in, context));
        }
      }
    }
    return List.of(states);
  }

  /**
   * Angles position / theta^(2i / headDim), each in both halves of the head, computed in float32;
   * frequency i belongs to the axis whose section holds it.
   */
  private DecoderLayer.Context context(int[][] positions, KeyRange keys) {
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
          keys);
    }
  }
}
