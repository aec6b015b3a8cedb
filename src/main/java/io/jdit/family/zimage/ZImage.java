package io.jdit.family.zimage;

import static io.jdit.pipeline.RequestKeys.CFG_NORMALIZATION;
import static io.jdit.pipeline.RequestKeys.CFG_TRUNCATION;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.vae.KlConfig;
import java.util.List;
import java.util.Set;

/**
 * Z-Image-Turbo and models of its architecture (diffusers' ZImagePipeline). Steps and guidance are
 * by default Turbo's, which is distilled for them.
 */
public final class ZImage implements Family {
  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(NEGATIVE_PROMPT, null)
          .with(GUIDANCE_SCALE, 0.0)
          .with(CFG_NORMALIZATION, 0.0)
          .with(CFG_TRUNCATION, 1.0)
          .with(HEIGHT, 1024)
          .with(WIDTH, 1024)
          .with(NUM_INFERENCE_STEPS, 9)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, 512);

  @Override
  public Set<String> classNames() {
    return Set.of("ZImagePipeline");
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    KlConfig vae = KlConfig.read(folder.config("vae", "AutoencoderKL"));
    ZImageConfig config =
        ZImageConfig.read(folder.config("transformer", "ZImageTransformer2DModel"));
    int token = ZImageConfig.PATCH * vae.scaleFactor();
    return Parameters.of(
        folder,
        DEFAULTS,
        Parameters.multipleOf(token, List.of(HEIGHT, WIDTH)),
        Parameters.atMost(HEIGHT, token * config.axesLens()[1]),
        Parameters.atMost(WIDTH, token * config.axesLens()[2]),
        (values, given, notes) -> guided(values, given, notes));
  }

  /** Without guidance there is no negative prompt; with it a missing one is empty. */
  private static Values guided(Values values, Values given, List<String> notes) {
    double scale = values.get(GUIDANCE_SCALE);
    if (scale > 0) {
      return values.get(NEGATIVE_PROMPT) == null ? values.with(NEGATIVE_PROMPT, "") : values;
    }
    if (given.get(NEGATIVE_PROMPT) != null) {
      notes.add(
          "the negative prompt has no effect at guidance_scale 0: give --guidance-scale above 0");
    }
    return values.with(NEGATIVE_PROMPT, null);
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new ZImageModel(parts));
  }
}
