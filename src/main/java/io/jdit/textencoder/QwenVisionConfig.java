package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Settings of Qwen2_5_VLVisionConfig.
 *
 * @param windowSize pixels of an attention window in each direction
 * @param fullAttention blocks that attend over whole pictures
 */
public record QwenVisionConfig(
    int hiddenSize,
    int intermediateSize,
    int depth,
    int numHeads,
    int patchSize,
    int mergeSize,
    int windowSize,
    int outHiddenSize,
    Set<Integer> fullAttention) {

  /** Reads {@code vision_config} of Qwen2_5_VLConfig. */
  public static QwenVisionConfig read(ModelConfig json) {
    ModelConfig v = json.section("vision_config");
    v.requireText("hidden_act", "silu");
    int[] full =
        v.has("fullatt_block_indexes")
            ? v.integers("fullatt_block_indexes")
            : new int[] {7, 15, 23, 31};
    QwenVisionConfig c =
        new QwenVisionConfig(
            v.integer("hidden_size", 3584),
            v.integer("intermediate_size", 3420),
            v.integer("depth", 32),
            v.integer("num_heads", 16),
            v.integer("patch_size", 14),
            v.integer("spatial_merge_size", 2),
            v.integer("window_size", 112),
            v.integer("out_hidden_size", 3584),
            Arrays.stream(full).boxed().collect(Collectors.toSet()));
    if (v.integer("temporal_patch_size", 2) != 2 || c.headDim() % 4 != 0) {
      throw json.error(
          "vision_config: expected temporal_patch_size 2 and hidden_size / num_heads divisible by"
              + " 4");
    }
    return c;
  }

  int headDim() {
    return hiddenSize / numHeads;
  }

  /** Merged patches of a window in each direction. */
  int window() {
    return windowSize / patchSize / mergeSize;
  }

  /** Values of a patch. */
  int patchValues() {
    return 3 * QwenPictures.FRAMES * patchSize * patchSize;
  }
}
