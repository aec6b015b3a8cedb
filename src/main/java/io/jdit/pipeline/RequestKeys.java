package io.jdit.pipeline;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import java.math.BigInteger;
import java.util.List;

/**
 * The parameters of a request, each declared once: options, keys of a batch line, the model's
 * {@code generation_config.json} and the metadata of pictures are made from this list. Which of
 * them a model takes, with which defaults, its family says ({@link Parameters}).
 */
public final class RequestKeys {
  private RequestKeys() {}

  /** What to draw. */
  public static final Key<String> PROMPT = Key.of("prompt", ValueType.text());

  /** Prompt of the second text encoder, when it differs. */
  public static final Key<String> PROMPT_2 =
      Key.of("prompt_2", ValueType.text())
          .withHelp("TEXT", "Prompt of the second text encoder. Default: the prompt.");

  /** What to stay away from; works together with guidance. */
  public static final Key<String> NEGATIVE_PROMPT =
      Key.of("negative_prompt", ValueType.text())
          .withHelp(
              "TEXT",
              "What to stay away from; works with a guidance above 1: --true-cfg-scale, or"
                  + " --guidance-scale of models that have no other. Default: the model's.");

  public static final Key<String> NEGATIVE_PROMPT_2 =
      Key.of("negative_prompt_2", ValueType.text())
          .withHelp(
              "TEXT", "Negative prompt of the second text encoder. Default: the negative prompt.");

  /** Classifier-free guidance; 1 is off. */
  public static final Key<Double> TRUE_CFG_SCALE =
      Key.of("true_cfg_scale", ValueType.numberAtLeast(0))
          .withHelp(
              "S",
              "Classifier-free guidance with two transformer calls per step; 1 is off. Default: the"
                  + " model's.");

  /** Guidance that distilled models take as an input; of others, classifier-free guidance. */
  public static final Key<Double> GUIDANCE_SCALE =
      Key.of("guidance_scale", ValueType.numberAtLeast(0))
          .withHelp(
              "S",
              "Guidance that distilled models take as an input; of models without --true-cfg-scale,"
                  + " classifier-free guidance. Default: the model's.");

  /** Z-Image: the guided output is at most so many times as long as the positive one; 0 is off. */
  public static final Key<Double> CFG_NORMALIZATION =
      Key.of("cfg_normalization", ValueType.numberAtLeast(0))
          .withDefault(0.0)
          .withHelp(
              "K",
              "Z-Image: the guided output is at most K times as long as the positive one; 0 is off."
                  + " Default: 0.");

  /** Z-Image: guidance ends when this share of the way from noise to picture is passed. */
  public static final Key<Double> CFG_TRUNCATION =
      Key.of("cfg_truncation", ValueType.numberAtLeast(0))
          .withDefault(1.0)
          .withHelp(
              "T",
              "Z-Image: guidance ends after this share of the way from noise to picture. Default:"
                  + " 1.");

  /** Of the second of two transformers. */
  public static final Key<Double> GUIDANCE_SCALE_2 =
      Key.of("guidance_scale_2", ValueType.numberAtLeast(0))
          .withHelp(
              "S", "Guidance of the second transformer, in models of two. Default: the model's.");

  /** Share of noise below which the second of two transformers computes. */
  public static final Key<Double> BOUNDARY_RATIO =
      Key.of("boundary_ratio", ValueType.numberAtLeast(0))
          .withHelp(
              "R",
              "Timestep, as a share of all, below which the second transformer computes. Default:"
                  + " the model's.");

  /** Shift of the noise ladder of video models. */
  public static final Key<Double> FLOW_SHIFT =
      Key.of("flow_shift", ValueType.numberAtLeast(0))
          .withHelp(
              "K",
              "Shift of the noise levels: larger for larger frames, 3 for 480p and 5 for 720p with"
                  + " Wan. Default: the scheduler's.");

  /** Pictures to begin with, as files. */
  public static final Key<List<String>> IMAGE_PATH =
      Key.of("image_path", ValueType.texts())
          .withHelp(
              "FILE",
              "Picture to begin with, for models that take one. Repeat it for models that take"
                  + " several.");

  /** Frames of a video. */
  public static final Key<Integer> NUM_FRAMES =
      Key.of("num_frames", ValueType.integerAtLeast(1))
          .withHelp("N", "Frames of a video. Default: the model's.");

  /** Frames per second of a video when it is shown. */
  public static final Key<Integer> FPS =
      Key.of("fps", ValueType.integerAtLeast(1))
          .withHelp("N", "Frames per second of a video. Default: the model's.");

  /** Pixels. */
  public static final Key<Integer> HEIGHT =
      Key.of("height", ValueType.integerAtLeast(1)).withHelp("PIXELS", "Default: the model's.");

  /** Pixels. */
  public static final Key<Integer> WIDTH =
      Key.of("width", ValueType.integerAtLeast(1)).withHelp("PIXELS", "Default: the model's.");

  public static final Key<Integer> NUM_INFERENCE_STEPS =
      Key.of("num_inference_steps", ValueType.integerAtLeast(1))
          .withHelp("N", "Denoising steps. Default: the model's.");

  /**
   * Of the noise; several pictures of one request share one draw, as in diffusers. As in torch, -1
   * and 2^64 - 1 are the same.
   */
  public static final Key<BigInteger> SEED =
      Key.of(
              "seed",
              ValueType.wholeBetween(
                  BigInteger.valueOf(Long.MIN_VALUE),
                  BigInteger.TWO.pow(64).subtract(BigInteger.ONE)))
          .withDefault(BigInteger.valueOf(1024));

  /** Pictures of one prompt. */
  public static final Key<Integer> NUM_OUTPUTS_PER_PROMPT =
      Key.of("num_outputs_per_prompt", ValueType.integerAtLeast(1))
          .withDefault(1)
          .withAliases("num_images_per_prompt")
          .withHelp("N", "Pictures of each prompt. Default: 1.");

  /** Tokens of the prompt that are used. */
  public static final Key<Integer> MAX_SEQUENCE_LENGTH =
      Key.of("max_sequence_length", ValueType.integerAtLeast(1))
          .withHelp("N", "Tokens of the prompt that are used. Default: the model's.");

  /** All of them, in the order in which they are shown. */
  public static final Catalog ALL =
      Catalog.of(
          PROMPT,
          PROMPT_2,
          NEGATIVE_PROMPT,
          NEGATIVE_PROMPT_2,
          TRUE_CFG_SCALE,
          GUIDANCE_SCALE,
          GUIDANCE_SCALE_2,
          CFG_NORMALIZATION,
          CFG_TRUNCATION,
          BOUNDARY_RATIO,
          IMAGE_PATH,
          HEIGHT,
          WIDTH,
          NUM_FRAMES,
          FPS,
          NUM_INFERENCE_STEPS,
          FLOW_SHIFT,
          SEED,
          NUM_OUTPUTS_PER_PROMPT,
          MAX_SEQUENCE_LENGTH);
}
