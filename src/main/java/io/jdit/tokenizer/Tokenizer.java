package io.jdit.tokenizer;

/**
 * Turns text into token ids. Implementations may be shared by threads; {@link #close} frees native
 * memory.
 */
public sealed interface Tokenizer extends AutoCloseable permits EngineTokenizer {
  /**
   * The ids of {@code text} with the special tokens of this tokenizer, exactly {@code maxLength} of
   * them: a shorter text is padded, a longer one loses its last tokens but keeps the closing
   * special token.
   *
   * @throws IllegalArgumentException if the special tokens alone do not fit into {@code maxLength}
   */
  TokenIds encode(String text, int maxLength);

  /** The ids of {@code text} with special tokens, neither cut nor padded. */
  long[] encode(String text);

  /**
   * {@code model_max_length} of tokenizer_config.json, {@link Integer#MAX_VALUE} when the model
   * sets no limit.
   */
  int modelMaxLength();

  /** The id that {@link #encode(String, int)} pads with. */
  long padId();

  @Override
  void close();
}
