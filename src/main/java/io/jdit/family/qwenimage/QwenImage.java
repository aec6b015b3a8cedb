package io.jdit.family.qwenimage;

import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.WanVaeConfig;
import java.util.List;
import java.util.Set;

/** Qwen-Image (diffusers' QwenImagePipeline). */
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

  @Override
  public Set<String> classNames() {
    return Set.of("QwenImagePipeline");
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    WanVaeConfig vae = WanVaeConfig.read(folder.config("vae", "AutoencoderKLQwenImage"));
    return Parameters.of(
        folder,
        DEFAULTS,
        Parameters.multipleOf(PackedLatents.PATCH * vae.scaleFactor(), List.of(HEIGHT, WIDTH)),
        Parameters.atMost(MAX_SEQUENCE_LENGTH, MAX_TOKENS),
        Parameters.trueGuidance());
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new QwenImageModel(parts));
  }
}
