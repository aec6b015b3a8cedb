package io.jdit.pipeline;

/**
 * A request with every default filled in: what was really run.
 *
 * @param negativePrompt null when classifier-free guidance is off
 */
public record GenerationSettings(
    String prompt,
    String negativePrompt,
    double trueCfgScale,
    int height,
    int width,
    int numInferenceSteps,
    double guidanceScale,
    long seed,
    int images,
    int maxSequenceLength) {}
