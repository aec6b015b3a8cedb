package io.jdit.pipeline;

/**
 * One generation. Null stands for the model's own default ({@code generation_config.json}, then the
 * family's).
 *
 * @param prompt what to draw
 * @param prompt2 prompt of the second text encoder, when it differs
 * @param negativePrompt what to stay away from; works together with {@code trueCfgScale}
 * @param trueCfgScale strength of classifier-free guidance with two transformer calls per step; 1
 *     is off
 * @param guidanceScale guidance that distilled models take as an input
 * @param seed of the first picture's noise; several pictures share one draw, as in diffusers
 * @param images pictures of this prompt
 * @param maxSequenceLength tokens of the prompt that are used
 */
public record GenerationRequest(
    String prompt,
    String prompt2,
    String negativePrompt,
    String negativePrompt2,
    Double trueCfgScale,
    Integer height,
    Integer width,
    Integer numInferenceSteps,
    Double guidanceScale,
    long seed,
    int images,
    Integer maxSequenceLength) {

  public GenerationRequest {
    if (prompt == null) {
      throw new IllegalArgumentException("a prompt is required");
    }
    positive("height", height);
    positive("width", width);
    positive("num-inference-steps", numInferenceSteps);
    positive("num-outputs-per-prompt", images);
    positive("max-sequence-length", maxSequenceLength);
    finite("guidance-scale", guidanceScale);
    finite("true-cfg-scale", trueCfgScale);
  }

  private static void positive(String name, Integer value) {
    if (value != null && value <= 0) {
      throw new IllegalArgumentException(name + " must be > 0, got " + value);
    }
  }

  private static void finite(String name, Double value) {
    if (value != null && (!Double.isFinite(value) || value < 0)) {
      throw new IllegalArgumentException(name + " must be a number >= 0, got " + value);
    }
  }

  public static Builder of(String prompt) {
    return new Builder(prompt);
  }

  /** Collects the optional settings. */
  public static final class Builder {
    private final String prompt;
    private String prompt2;
    private String negativePrompt;
    private String negativePrompt2;
    private Double trueCfgScale;
    private Integer height;
    private Integer width;
    private Integer numInferenceSteps;
    private Double guidanceScale;
    private long seed;
    private int images = 1;
    private Integer maxSequenceLength;

    private Builder(String prompt) {
      this.prompt = prompt;
    }

    public Builder prompt2(String text) {
      this.prompt2 = text;
      return this;
    }

    public Builder negativePrompt(String text) {
      this.negativePrompt = text;
      return this;
    }

    public Builder negativePrompt2(String text) {
      this.negativePrompt2 = text;
      return this;
    }

    public Builder trueCfgScale(Double scale) {
      this.trueCfgScale = scale;
      return this;
    }

    public Builder height(Integer pixels) {
      this.height = pixels;
      return this;
    }

    public Builder width(Integer pixels) {
      this.width = pixels;
      return this;
    }

    public Builder steps(Integer steps) {
      this.numInferenceSteps = steps;
      return this;
    }

    public Builder guidanceScale(Double scale) {
      this.guidanceScale = scale;
      return this;
    }

    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    public Builder images(int images) {
      this.images = images;
      return this;
    }

    public Builder maxSequenceLength(Integer tokens) {
      this.maxSequenceLength = tokens;
      return this;
    }

    public GenerationRequest build() {
      return new GenerationRequest(
          prompt,
          prompt2,
          negativePrompt,
          negativePrompt2,
          trueCfgScale,
          height,
          width,
          numInferenceSteps,
          guidanceScale,
          seed,
          images,
          maxSequenceLength);
    }
  }
}
