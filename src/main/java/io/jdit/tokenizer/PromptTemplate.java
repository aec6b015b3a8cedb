package io.jdit.tokenizer;

/**
 * What a model's chat template puts around a prompt.
 *
 * @param before text before the prompt
 * @param after text after it
 */
public record PromptTemplate(String before, String after) {
  private static final String SYSTEM = "<|im_start|>system\n";
  private static final String USER = "<|im_start|>user\n";
  private static final String ANSWER = "<|im_end|>\n<|im_start|>assistant\n";

  /** One user message in ChatML, and the beginning of the answer. */
  public static PromptTemplate user() {
    return new PromptTemplate(USER, ANSWER);
  }

  /** The same after a system message. */
  public static PromptTemplate user(String systemMessage) {
    return new PromptTemplate(SYSTEM + systemMessage + "<|im_end|>\n" + USER, ANSWER);
  }

  /**
   * The ids of the prompt in its template, cut and padded as a whole. The overflow is the prompt's.
   *
   * @param maxLength ids, those of the template included
   */
  public TokenIds encode(Tokenizer tokenizer, String prompt, int maxLength) {
    TokenIds ids = tokenizer.encode(before + prompt + after, maxLength);
    int end = Math.max(0, ids.overflow().length() - after.length());
    int start = Math.max(0, end - prompt.length()); // later than 0 when the template was cut too
    return new TokenIds(
        ids.ids(), ids.start(), ids.length(), ids.dropped(), ids.overflow().substring(start, end));
  }
}
