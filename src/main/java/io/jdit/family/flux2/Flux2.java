package io.jdit.family.flux2;

import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.IMAGE_PATH;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.KlConfig;
import java.util.List;
import java.util.Set;

/** FLUX.2-dev and FLUX.2-klein (diffusers' Flux2Pipeline and Flux2KleinPipeline). */
public final class Flux2 implements Family {
  private static final int EDGE = 1024;
  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(GUIDANCE_SCALE, 4.0)
          .with(IMAGE_PATH, null)
          .with(HEIGHT, null)
          .with(WIDTH, null)
          .with(NUM_INFERENCE_STEPS, 50)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, 512);

  /** What klein is distilled for. */
  private static final Values DISTILLED =
      DEFAULTS.with(GUIDANCE_SCALE, 1.0).with(NUM_INFERENCE_STEPS, 4);

  @Override
  public Set<String> classNames() {
    return Variant.classNames();
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    KlConfig vae = KlConfig.read(folder.config("vae", "AutoencoderKLFlux2"));
    int token = PackedLatents.PATCH * vae.scaleFactor();
    boolean distilled = distilled(folder);
    return Parameters.of(
        folder,
        distilled ? DISTILLED : DEFAULTS,
        Parameters.pictures(ReferencePictures.MOST),
        (values, given, notes) -> sized(values, token),
        Parameters.multipleOf(token, List.of(HEIGHT, WIDTH)),
        (values, given, notes) -> distilled ? unguided(values, notes) : values);
  }

  /** Whether steps and guidance are distilled into the weights, as model_index.json says. */
  private static boolean distilled(ModelFolder folder) {
    return Variant.of(folder) == Variant.KLEIN && folder.index().flag("is_distilled", false);
  }

  /** Where a request does not say, the output is as large as its first reference picture. */
  private static Values sized(Values values, int token) {
    List<Picture> pictures = ReferencePictures.read(values, token);
    Values v = values;
    if (v.get(HEIGHT) == null) {
      v = v.with(HEIGHT, pictures.isEmpty() ? EDGE : pictures.get(0).height());
    }
    if (v.get(WIDTH) == null) {
      v = v.with(WIDTH, pictures.isEmpty() ? EDGE : pictures.get(0).width());
    }
    return v;
  }

  private static Values unguided(Values values, List<String> notes) {
    double scale = values.get(GUIDANCE_SCALE);
    if (scale > 1) {
      notes.add(
          "guidance_scale "
              + scale
              + " has no effect: guidance is distilled into this model, leave it out");
    }
    return values.with(GUIDANCE_SCALE, 1.0);
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new Flux2Model(parts));
  }
}
