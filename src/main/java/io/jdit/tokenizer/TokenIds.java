package io.jdit.tokenizer;

import java.util.List;

/**
 * One text as token ids, cut and padded to the requested length.
 *
 * @param ids as many ids as the requested length, special and padding tokens included
 * @param start first of the ids that are not padding: 0 unless the padding is on the left
 * @param length number of ids that are not padding
 * @param dropped number of tokens that did not fit
 * @param overflow the end of the text that the dropped tokens stand for; empty when nothing was cut
 */
public record TokenIds(long[] ids, int start, int length, int dropped, String overflow) {
  private static final int SHOWN = 60; // code points of what was cut

  /** Whether the text was too long. */
  public boolean truncated() {
    return dropped > 0;
  }

  /**
   * Says in one line what was cut, when something was.
   *
   * @param tokenizer what the user knows it by, for example {@code CLIP}
   * @param limit tokens that a prompt may have
   */
  public void noteIfCut(String tokenizer, int limit, List<String> notes) {
    if (!overflow.isBlank()) {
      notes.add(
          "the prompt has "
              + (limit + dropped)
              + " "
              + tokenizer
              + " tokens, "
              + limit
              + " are used: it was cut before '"
              + beginning(overflow.strip().replaceAll("\\s+", " "))
              + "'");
    }
  }

  private static String beginning(String text) {
    int length = text.codePointCount(0, text.length());
    return length <= SHOWN ? text : text.substring(0, text.offsetByCodePoints(0, SHOWN)) + "…";
  }
}
