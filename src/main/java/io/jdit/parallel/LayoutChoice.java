package io.jdit.parallel;

/**
 * The layout of a run.
 *
 * @param reason why it was chosen, for the user; null when it was given
 */
public record LayoutChoice(ParallelConfig config, String reason) {
  @Override
  public String toString() {
    return "layout " + config.mesh() + (reason == null ? "" : ": " + reason);
  }
}
