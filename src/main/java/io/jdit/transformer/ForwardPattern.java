package io.jdit.transformer;

/**
 * What the blocks of a group take and return (h hidden, e encoder), numbered as cache-dit does. All
 * of them map {@link Streams} to {@link Streams} here; the pattern says which stream a cache has to
 * restore.
 */
public enum ForwardPattern {
  /** (h, e) to (h, e). */
  PATTERN_0(true, true),
  /** (h, e) to (e, h). */
  PATTERN_1(true, true),
  /** (h, e) to h; e never changes. */
  PATTERN_2(true, false),
  /** h to h. */
  PATTERN_3(false, false),
  /** h to (h, e). */
  PATTERN_4(false, true),
  /** h to (e, h). */
  PATTERN_5(false, true);

  private final boolean takesEncoder;
  private final boolean returnsEncoder;

  ForwardPattern(boolean takesEncoder, boolean returnsEncoder) {
    this.takesEncoder = takesEncoder;
    this.returnsEncoder = returnsEncoder;
  }

  public boolean takesEncoder() {
    return takesEncoder;
  }

  public boolean returnsEncoder() {
    return returnsEncoder;
  }
}
