package io.jdit.engine.serve;

import io.jdit.pipeline.Parameters;

/**
 * A model that requests can name.
 *
 * @param path as the user gave it
 * @param parameters what requests it takes
 */
public record ServedModel(String name, String path, Parameters parameters, Loader loader) {
  /** Loads a model. */
  @FunctionalInterface
  public interface Loader {
    /**
     * @param alone whether no other model can make room: what does not fit may be offloaded then
     * @throws io.jdit.pipeline.OutOfMemoryException when it does not fit
     */
    StepRunner load(boolean alone);
  }
}
