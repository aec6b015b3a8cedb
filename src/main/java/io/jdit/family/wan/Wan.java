package io.jdit.family.wan;

import static io.jdit.pipeline.RequestKeys.BOUNDARY_RATIO;
import static io.jdit.pipeline.RequestKeys.FLOW_SHIFT;
import static io.jdit.pipeline.RequestKeys.FPS;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE_2;
import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.IMAGE_PATH;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_FRAMES;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.GivenPictures;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import java.util.List;
import java.util.Set;

/**
 * Wan 2.1 and 2.2, text or picture to video (diffusers' WanPipeline and WanImageToVideoPipeline).
 */
public final class Wan implements Family {
  private static final int MAX_TOKENS = 512;

  /** Both pipelines refuse other sizes, whatever the autoencoder. */
  private static final int PIXELS = 16;

  /** What the authors of 2.2 advise against, as in the models' cards. */
  static final String NEGATIVE_CHINESE =
      "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，"
          + "多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走";

  /** The same in English, as in the cards of 2.1. */
  static final String NEGATIVE =
      "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings,"
          + " images, static, overall gray, worst quality, low quality, JPEG compression residue,"
          + " ugly, incomplete, extra fingers, poorly drawn hands, poorly drawn faces, deformed,"
          + " disfigured, misshapen limbs, fused fingers, still picture, messy background, three"
          + " legs, many people in the background, walking backwards";

  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(NEGATIVE_PROMPT, NEGATIVE)
          .with(GUIDANCE_SCALE, 5.0)
          .with(HEIGHT, 480)
          .with(WIDTH, 832)
          .with(NUM_FRAMES, 81)
          .with(FPS, 16)
          .with(NUM_INFERENCE_STEPS, 50)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, MAX_TOKENS);

  @Override
  public Set<String> classNames() {
    return Set.of("WanPipeline", WanFolder.IMAGE_TO_VIDEO);
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    WanFolder wan = WanFolder.read(folder);
    int factor = wan.vae().timeFactor();
    Parameters parameters =
        Parameters.of(
            folder,
            defaults(wan),
            Parameters.pictures(1),
            (values, given, notes) -> sized(values, given, wan.granularity()),
            Parameters.multipleOf(PIXELS, List.of(HEIGHT, WIDTH)),
            (values, given, notes) ->
                rounded(
                    rounded(values, HEIGHT, wan.granularity(), notes),
                    WIDTH,
                    wan.granularity(),
                    notes),
            Parameters.frames(factor, asked -> asked / factor * factor + 1),
            Parameters.atMost(MAX_SEQUENCE_LENGTH, MAX_TOKENS),
            Wan::guidance);
    return wan.needsPicture() ? parameters.requiring(IMAGE_PATH) : parameters;
  }

  /** The models' own sizes and scales where the configurations tell the models apart. */
  private static Values defaults(WanFolder wan) {
    Values values = DEFAULTS.with(FLOW_SHIFT, wan.scheduler().shift());
    if (wan.takesPicture()) {
      values = values.with(IMAGE_PATH, null);
    }
    if (wan.twoTransformers()) {
      values =
          values
              .with(NEGATIVE_PROMPT, NEGATIVE_CHINESE)
              .with(BOUNDARY_RATIO, wan.boundaryRatio())
              .with(NUM_INFERENCE_STEPS, 40)
              .with(GUIDANCE_SCALE, wan.needsPicture() ? 3.5 : 4.0)
              .with(GUIDANCE_SCALE_2, null);
      return wan.needsPicture() ? values : values.with(HEIGHT, 720).with(WIDTH, 1280);
    }
    return wan.expandTimesteps()
        ? values
            .with(NEGATIVE_PROMPT, NEGATIVE_CHINESE)
            .with(HEIGHT, 704)
            .with(WIDTH, 1280)
            .with(NUM_FRAMES, 121)
            .with(FPS, 24)
        : values;
  }

  /**
   * Where a request says no size, a video has as many pixels as the model's own in the aspect of
   * its picture. A file that is no picture is refused here, before the model is loaded.
   */
  private static Values sized(Values values, Values given, int multiple) {
    List<Picture> pictures = GivenPictures.read(values);
    if (pictures.isEmpty() || given.get(HEIGHT) != null || given.get(WIDTH) != null) {
      return values;
    }
    Picture picture = pictures.get(0);
    double area = (double) values.get(HEIGHT) * values.get(WIDTH);
    double aspect = (double) picture.height() / picture.width();
    int height = (int) Math.rint(Math.sqrt(area * aspect)) / multiple * multiple;
    int width = (int) Math.rint(Math.sqrt(area / aspect)) / multiple * multiple;
    if (height == 0 || width == 0) {
      throw new ConfigException(
          "a picture of "
              + picture.width()
              + " x "
              + picture.height()
              + " pixels is too narrow: give --height and --width, or cut it to a shape closer to"
              + " a square");
    }
    return values.with(HEIGHT, height).with(WIDTH, width);
  }

  private static Values rounded(Values values, Key<Integer> key, int multiple, List<String> notes) {
    int asked = values.get(key);
    int made = asked / multiple * multiple;
    if (made == 0) {
      throw new ConfigException(key + " " + asked + " is too small: use " + multiple + " or more");
    }
    if (made != asked) {
      notes.add(key + " " + asked + " became " + made + ", a multiple of " + multiple);
    }
    return values.with(key, made);
  }

  /** The first scale alone decides whether there is guidance, for both transformers. */
  private static Values guidance(Values values, Values given, List<String> notes) {
    double scale = values.get(GUIDANCE_SCALE);
    Values v = values;
    if (values.isSet(GUIDANCE_SCALE_2)) {
      if (values.get(BOUNDARY_RATIO) > 1) {
        throw new ConfigException("boundary_ratio must be <= 1, got " + values.get(BOUNDARY_RATIO));
      }
      if (values.get(GUIDANCE_SCALE_2) == null) {
        v = v.with(GUIDANCE_SCALE_2, secondScale(given, scale));
      }
    }
    if (scale > 1) {
      return v;
    }
    if (given.get(NEGATIVE_PROMPT) != null) {
      notes.add(
          "the negative prompt has no effect at guidance_scale "
              + scale
              + ": give --guidance-scale above 1");
    }
    return v.with(NEGATIVE_PROMPT, null);
  }

  /** Published with its own for text to video; a request that sets the first sets both. */
  private static double secondScale(Values given, double first) {
    return given.get(GUIDANCE_SCALE) == null && first == 4.0 ? 3.0 : first;
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new WanModel(parts));
  }
}
