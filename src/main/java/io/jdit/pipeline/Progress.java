package io.jdit.pipeline;

/** Hears of a generation's progress, on the worker's thread. */
public interface Progress {
  Progress NONE = new Progress() {};

  /** A stage begins: text_encode, denoise or decode. */
  default void stage(String name) {}

  /**
   * The next denoising step is computed by this transformer: said before each step of a model of
   * several.
   */
  default void expert(String component) {}

  /** Denoising step {@code done} of {@code total} is finished. */
  default void step(int done, int total) {}
}
