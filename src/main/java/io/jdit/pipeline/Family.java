package io.jdit.pipeline;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import java.util.Set;

/**
 * Models of one architecture: which pipeline classes they have, what requests they take, how they
 * are built. A family has no thread, no progress, no cache and no rank in it.
 */
public interface Family {
  /** Pipeline classes of model_index.json that this family runs. */
  Set<String> classNames();

  /**
   * What requests a model takes; reads configurations, no weights.
   *
   * @throws ModelFormatException when one is missing, broken or not supported
   */
  Parameters parameters(ModelFolder folder);

  /**
   * Builds a model. On the meta device, with weights from {@link
   * io.jdit.checkpoint.WeightOrigin#SHAPES}, it tells what the model costs.
   *
   * @throws ModelFormatException when a file is missing, broken or does not fit the others
   */
  Model build(ModelFolder folder, Strategies strategies);
}
