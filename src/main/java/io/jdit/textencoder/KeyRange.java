package io.jdit.textencoder;

/**
 * Tokens of a text that count as keys, neighbours; those before and after them are padding.
 *
 * @param start of the first that counts
 * @param end after the last that counts
 */
public record KeyRange(int start, int end) {
  public KeyRange {
    if (start < 0 || end <= start) {
      throw new IllegalArgumentException("no key counts from " + start + " to " + end);
    }
  }

  int length() {
    return end - start;
  }
}
