package io.jdit.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/**
 * The native tokenizers library running one tokenizer.json definition. Cutting and padding happen
 * here rather than in the library, whose settings for them are state shared by all callers.
 */
abstract sealed class EngineTokenizer implements Tokenizer
    permits ClipTokenizer, T5Tokenizer, QwenTokenizer, JsonTokenizer {
  static {
    // The library would otherwise look for CUDA, fetch a matching build of itself and report its
    // start over the network.
    setIfAbsent("RUST_FLAVOR", "cpu");
    setIfAbsent("ai.djl.offline", "true");
    setIfAbsent("OPT_OUT_TRACKING", "true");
    // It also logs how it looked for CUDA, for every process that only wants ids.
    setIfAbsent("org.slf4j.simpleLogger.log.ai.djl", "error");
  }

  private static final Map<String, String> OPTIONS =
      Map.of("padding", "false", "truncation", "false", "addSpecialTokens", "true");

  private final TokenizerFiles files;
  private final String source;
  private final HuggingFaceTokenizer tokenizer;
  private final long padId;
  private final boolean padLeft;
  private final int modelMaxLength;
  private final int prefix;
  private final int suffix;

  /**
   * @param source name of the file that the definition comes from, for messages
   * @param padId id to pad with
   */
  EngineTokenizer(TokenizerFiles files, String source, ObjectNode definition, long padId) {
    ObjectNode config = files.optionalJson("tokenizer_config.json");
    this.files = files;
    this.source = source;
    this.padId = padId;
    this.padLeft = config.path("padding_side").asString("right").equals("left");
    // An unlimited model carries the number 1e30, which no int holds.
    double limit = config.path("model_max_length").asDouble(Double.MAX_VALUE);
    this.modelMaxLength = (int) Math.max(0, Math.min(limit, Integer.MAX_VALUE));
    definition.putNull("truncation").putNull("padding").put("version", "1.0");
    HuggingFaceTokenizer opened = null;
    try {
      byte[] json = definition.toString().getBytes(StandardCharsets.UTF_8);
      opened = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), OPTIONS);
      long[] bare = opened.encode("a", false, false).getIds();
      long[] framed = opened.encode("a", true, false).getIds();
      this.tokenizer = opened;
      this.prefix = indexOf(framed, bare);
      this.suffix = framed.length - bare.length - prefix;
    } catch (IOException | RuntimeException e) {
      if (opened != null) {
        opened.close();
      }
      throw files.malformed(source, "refused by the tokenizer engine: " + e.getMessage());
    }
  }

  @Override
  public long[] encode(String text) {
    return run(text).getIds();
  }

  @Override
  public TokenIds encode(String text, int maxLength) {
    if (maxLength < prefix + suffix) {
      throw new IllegalArgumentException(
          "maxLength "
              + maxLength
              + " leaves no room for "
              + (prefix + suffix)
              + " special tokens");
    }
    Encoding encoding = run(text);
    long[] all = encoding.getIds();
    int dropped = Math.max(0, all.length - maxLength);
    int length = all.length - dropped;
    long[] ids = new long[maxLength];
    Arrays.fill(ids, padId);
    int start = padLeft ? maxLength - length : 0;
    System.arraycopy(all, 0, ids, start, length - suffix);
    System.arraycopy(all, all.length - suffix, ids, start + length - suffix, suffix);
    String overflow = dropped == 0 ? "" : overflow(text, encoding, length - suffix);
    return new TokenIds(ids, start, length, dropped, overflow);
  }

  @Override
  public int modelMaxLength() {
    return modelMaxLength;
  }

  @Override
  public long padId() {
    return padId;
  }

  @Override
  public void close() {
    tokenizer.close();
  }

  /**
   * Some definitions fail only when a text meets them, for example one without an unknown token.
   */
  private Encoding run(String text) {
    try {
      return tokenizer.encode(text, true, false);
    } catch (RuntimeException e) {
      throw files.malformed(source, "the tokenizer engine failed on a text: " + e.getMessage());
    }
  }

  /** The text from the first dropped token on; spans count code points. */
  private static String overflow(String text, Encoding encoding, int firstDropped) {
    CharSpan span = encoding.getCharTokenSpans()[firstDropped];
    int codePoints = text.codePointCount(0, text.length());
    return text.substring(text.offsetByCodePoints(0, Math.min(span.getStart(), codePoints)));
  }

  private static int indexOf(long[] all, long[] part) {
    for (int at = 0; at + part.length <= all.length; at++) {
      if (Arrays.equals(all, at, at + part.length, part, 0, part.length)) {
        return at;
      }
    }
    return 0;
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }
}
