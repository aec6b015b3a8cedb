package io.jdit.checkpoint;

import java.nio.file.Path;

/** Where the weights of a component come from. */
@FunctionalInterface
public interface WeightOrigin {
  /** The checkpoint in the component's folder. */
  WeightOrigin FILES = new Files(WeightFiles.PLAIN);

  /** Random numbers in whatever shape the configuration means: for measuring. */
  WeightOrigin RANDOM = folder -> new SyntheticWeights(0);

  /** Shapes without data, for a model on the meta device. */
  WeightOrigin SHAPES = folder -> new MetaWeights();

  /** The checkpoint in the component's folder, in a variant where there is one. */
  static WeightOrigin files(String variant) {
    return new Files(variant);
  }

  TensorSource open(Path componentFolder);

  /** The variant that is asked for, empty for none. */
  default String variant() {
    return WeightFiles.PLAIN;
  }

  /** Checkpoints. */
  record Files(String variant) implements WeightOrigin {
    /**
     * @throws ModelFormatException as {@link Checkpoint#open(Path, String)}, and when the weights
     *     are quantized in a way that is not supported
     */
    @Override
    public TensorSource open(Path componentFolder) {
      Checkpoint checkpoint = Checkpoint.open(componentFolder, variant);
      Quantizer.of(componentFolder, checkpoint)
          .ifPresent(
              quantizer -> {
                checkpoint.close();
                throw new ModelFormatException(
                    "the weights in "
                        + componentFolder
                        + " are quantized by "
                        + quantizer
                        + ", which is not supported: "
                        + quantizer.wayOut());
              });
      return checkpoint;
    }
  }
}
