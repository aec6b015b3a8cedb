package io.jdit.pipeline;

import io.jdit.checkpoint.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A model's own defaults, below the request and above the family's: the folder's {@code
 * generation_config.json}.
 */
record GenerationDefaults(
    int height,
    int width,
    int numInferenceSteps,
    double guidanceScale,
    double trueCfgScale,
    String negativePrompt,
    int maxSequenceLength) {

  /** Overlays the family's values with the folder's. */
  GenerationDefaults readFrom(Path folder) {
    Path file = folder.resolve("generation_config.json");
    if (!Files.exists(file)) {
      return this;
    }
    ModelConfig json = ModelConfig.read(file);
    return new GenerationDefaults(
        json.integer("height", height),
        json.integer("width", width),
        json.integer("num_inference_steps", numInferenceSteps),
        json.number("guidance_scale", guidanceScale),
        json.number("true_cfg_scale", trueCfgScale),
        json.text("negative_prompt", negativePrompt),
        json.integer("max_sequence_length", maxSequenceLength));
  }

  /** Fills in what {@code r} leaves open. */
  GenerationSettings apply(GenerationRequest r) {
    double cfg = r.trueCfgScale() != null ? r.trueCfgScale() : trueCfgScale;
    String negative = r.negativePrompt() != null ? r.negativePrompt() : negativePrompt;
    boolean guided = cfg > 1 && negative != null;
    return new GenerationSettings(
        r.prompt(),
        guided ? negative : null,
        guided ? cfg : 1,
        r.height() != null ? r.height() : height,
        r.width() != null ? r.width() : width,
        r.numInferenceSteps() != null ? r.numInferenceSteps() : numInferenceSteps,
        r.guidanceScale() != null ? r.guidanceScale() : guidanceScale,
        r.seed(),
        r.images(),
        r.maxSequenceLength() != null ? r.maxSequenceLength() : maxSequenceLength);
  }
}
