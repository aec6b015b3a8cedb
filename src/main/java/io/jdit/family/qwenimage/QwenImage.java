package io.jdit.family.qwenimage;

import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.IMAGE_PATH;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.GivenPictures;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.WanVaeConfig;
import java.util.List;
import java.util.Set;

/**
 * Qwen-Image, Qwen-Image-Edit and its later versions (diffusers' QwenImagePipeline,
 * QwenImageEditPipeline and QwenImageEditPlusPipeline).
 */
public final class QwenImage implements Family {
  private static final int MAX_TOKENS = 1024;
  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(NEGATIVE_PROMPT, null)
          .with(TRUE_CFG_SCALE, 4.0)
          .with(HEIGHT, 1024)
          .with(WIDTH, 1024)
          .with(NUM_INFERENCE_STEPS, 50)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, 512);

  private final int area;
  private final int textArea;

  public QwenImage() {
    this(EditPictures.AREA, EditPictures.TEXT_AREA);
  }

  /**
   * @param area pixels that given pictures are brought to, {@code textArea} for the text encoder
   */
  QwenImage(int area, int textArea) {
    this.area = area;
    this.textArea = textArea;
  }

  @Override
  public Set<String> classNames() {
    return Variant.classNames();
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    WanVaeConfig vae = WanVaeConfig.read(folder.config("vae", "AutoencoderKLQwenImage"));
    EditPictures pictures = new EditPictures(Variant.of(folder), area, textArea);
    Parameters parameters =
        Parameters.of(
            folder,
            defaults(pictures),
            Parameters.pictures(pictures.variant() == Variant.EDIT_PLUS ? Integer.MAX_VALUE : 1),
            (values, given, notes) -> sized(values, pictures),
            Parameters.multipleOf(PackedLatents.PATCH * vae.scaleFactor(), List.of(HEIGHT, WIDTH)),
            Parameters.atMost(MAX_SEQUENCE_LENGTH, MAX_TOKENS),
            Parameters.trueGuidance(),
            steps(folder));
    return pictures.variant().takesPictures() ? parameters.requiring(IMAGE_PATH) : parameters;
  }

  /** A ladder that is stretched to its last noise level has no single step. */
  private static Parameters.Rule steps(ModelFolder folder) {
    FlowMatchEuler.Config scheduler =
        FlowMatchEuler.Config.read(folder.config("scheduler", "FlowMatchEulerDiscreteScheduler"));
    return (values, given, notes) -> {
      if (scheduler.shiftTerminal() != 0 && values.get(NUM_INFERENCE_STEPS) < 2) {
        throw new ConfigException("--num-inference-steps must be >= 2 for this model, got 1");
      }
      return values;
    };
  }

  private static Values defaults(EditPictures pictures) {
    return pictures.variant().takesPictures()
        ? DEFAULTS.with(IMAGE_PATH, null).with(HEIGHT, null).with(WIDTH, null)
        : DEFAULTS;
  }

  /** Where a request does not say, the output is as large as its last picture. */
  private static Values sized(Values values, EditPictures pictures) {
    List<Picture> given = GivenPictures.read(values);
    EditPictures.Size size =
        given.isEmpty() ? new EditPictures.Size(1024, 1024) : pictures.output(given);
    Values v = values;
    v = v.get(HEIGHT) == null ? v.with(HEIGHT, size.height()) : v;
    return v.get(WIDTH) == null ? v.with(WIDTH, size.width()) : v;
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    EditPictures pictures = new EditPictures(Variant.of(folder), area, textArea);
    return parts.build(() -> new QwenImageModel(parts, pictures));
  }
}
