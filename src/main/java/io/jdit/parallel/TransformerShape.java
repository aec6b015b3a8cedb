package io.jdit.parallel;

/**
 * What of a transformer decides memory and communication, in numbers of elements.
 *
 * @param attentions attention calls of a forward pass, each over all tokens
 * @param shardedWeights in column and row layers: 1/T of them on each tensor-parallel rank
 * @param gatheredWeights in column layers whose outputs are gathered: 1/T as well
 * @param replicatedWeights whole on every rank
 * @param reducedRows all-reduced tokens of a forward pass, in multiples of all tokens: D elements
 *     each
 * @param gatheredOutputs gathered elements of a forward pass and batch row
 * @param linearFlops of a forward pass and token, all linear layers over tokens
 * @param outputChannels elements that the last layer gives per image token
 */
public record TransformerShape(
    int heads,
    int headDim,
    int attentions,
    long shardedWeights,
    long gatheredWeights,
    long replicatedWeights,
    int reducedRows,
    long gatheredOutputs,
    long linearFlops,
    int outputChannels) {
  private static final int TIME_CHANNELS = 256;

  /** Hidden width D. */
  public long width() {
    return (long) heads * headDim;
  }

  /** All weights. */
  public long weights() {
    return shardedWeights + gatheredWeights + replicatedWeights;
  }

  /** FLUX.1, from the values of the transformer's config.json. */
  public static TransformerShape flux(
      int doubleBlocks,
      int singleBlocks,
      int heads,
      int headDim,
      int channels,
      int jointAttentionDim,
      int pooledProjectionDim,
      boolean guidance) {
    long d = (long) heads * headDim;
    long doubleSharded = 6 * (d * d + d) + 2 * d * d + 2 * (4 * d * d + 4 * d) + 2 * 4 * d * d;
    long doubleReplicated = 2 * d + 2 * d + 4L * headDim; // biases of row layers, head norms
    long singleSharded = 3 * (d * d + d) + 4 * d * d + 4 * d + 5 * d * d;
    long singleReplicated = d + 2L * headDim;
    long embedders =
        linear(channels, d)
            + linear(jointAttentionDim, d)
            + (guidance ? 2 : 1) * (linear(TIME_CHANNELS, d) + linear(d, d))
            + linear(pooledProjectionDim, d)
            + linear(d, d);
    long last = linear(d, 2 * d) + linear(d, channels);
    return new TransformerShape(
        heads,
        headDim,
        doubleBlocks + singleBlocks,
        doubleBlocks * doubleSharded + singleBlocks * singleSharded,
        doubleBlocks * 2 * linear(d, 6 * d) + singleBlocks * linear(d, 3 * d),
        doubleBlocks * doubleReplicated + singleBlocks * singleReplicated + embedders + last,
        2 * doubleBlocks + singleBlocks,
        doubleBlocks * 12 * d + singleBlocks * 3 * d,
        24 * d * d * (doubleBlocks + singleBlocks),
        channels);
  }

  private static long linear(long in, long out) {
    return in * out + out;
  }
}
