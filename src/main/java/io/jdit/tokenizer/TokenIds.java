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
  /** Whether the text was too long. */
  public boolean truncated() {
    return dropped > 0;
  }

  /**
   * Says what was cut, when something was.
   *
   * @param tokenizer what the user knows it by, for example {@code CLIP}
   */
  public void noteIfCut(String tokenizer, int limit, List<String> notes) {
    if (!overflow.isBlank()) {
      notes.add(
          "the prompt is longer than "
              + limit
              + " "
              + tokenizer
              + " tokens, this part was cut: '"
              + overflow.strip()
              + "'");
    }
  }
}
