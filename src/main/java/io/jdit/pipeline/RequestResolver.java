package io.jdit.pipeline;

/** Fills in and checks requests; needs a model's configuration, not its weights. */
public interface RequestResolver {
  /**
   * The request with the model's defaults filled in, without running it.
   *
   * @throws IllegalArgumentException when the request does not fit the model, naming value and
   *     limits
   */
  GenerationSettings resolve(GenerationRequest request);
}
