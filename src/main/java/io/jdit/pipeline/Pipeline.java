package io.jdit.pipeline;

/**
 * A loaded model. Safe for use by several threads: generations run one after the other on the
 * model's worker.
 */
public interface Pipeline extends RequestResolver, AutoCloseable {
  /**
   * Runs one generation. Interrupting the calling thread ends it at the next denoising step.
   *
   * @throws IllegalArgumentException when the request does not fit the model, naming value and
   *     limits
   * @throws GenerationCancelledException when the thread was interrupted
   */
  GenerationResult generate(GenerationRequest request, Progress progress);

  /** Class name of model_index.json, for example {@code FluxPipeline}. */
  String className();

  /** Frees the weights. */
  @Override
  void close();
}
