package io.jdit.cache;

/**
 * Accuracy of the singular value decomposition of {@link Dmd}. Low and medium give the same result:
 * the randomised range finder of the reference asks for all columns.
 */
public enum SvdPrecision {
  LOW("l"),
  MEDIUM(""),
  /** The driver gesvd on GPUs; as medium on CPUs. */
  HIGH("h");

  private final String tag;

  SvdPrecision(String tag) {
    this.tag = tag;
  }

  String tag() {
    return tag;
  }
}
