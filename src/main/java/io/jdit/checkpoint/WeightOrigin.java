package io.jdit.checkpoint;

import java.nio.file.Path;

/** Where the weights of a component come from. */
@FunctionalInterface
public interface WeightOrigin {
  /** The checkpoint in the component's folder. */
  WeightOrigin FILES = Checkpoint::open;

  /** Random numbers in whatever shape the configuration means: for measuring. */
  WeightOrigin RANDOM = folder -> new SyntheticWeights(0);

  /** Shapes without data, for a model on the meta device. */
  WeightOrigin SHAPES = folder -> new MetaWeights();

  TensorSource open(Path componentFolder);
}
