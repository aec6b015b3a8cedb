package io.jdit.family.flux1;

import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT_2;
import static io.jdit.pipeline.RequestKeys.NUM_INFERENCE_STEPS;
import static io.jdit.pipeline.RequestKeys.NUM_OUTPUTS_PER_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT_2;
import static io.jdit.pipeline.RequestKeys.SEED;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;
import static io.jdit.pipeline.RequestKeys.WIDTH;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.KlConfig;
import java.util.List;
import java.util.Set;

/** FLUX.1-dev, FLUX.1-schnell and models of their architecture (diffusers' FluxPipeline). */
public final class Flux1 implements Family {
  private static final int MAX_TOKENS = 512;
  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(PROMPT_2, null)
          .with(NEGATIVE_PROMPT, null)
          .with(NEGATIVE_PROMPT_2, null)
          .with(TRUE_CFG_SCALE, 1.0)
          .with(GUIDANCE_SCALE, 3.5)
          .with(HEIGHT, 1024)
          .with(WIDTH, 1024)
          .with(NUM_INFERENCE_STEPS, 28)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, MAX_TOKENS);

  @Override
  public Set<String> classNames() {
    return Set.of("FluxPipeline");
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    KlConfig vae = KlConfig.read(folder.config("vae", "AutoencoderKL"));
    return Parameters.of(
        folder,
        DEFAULTS,
        Parameters.multipleOf(PackedLatents.PATCH * vae.scaleFactor(), List.of(HEIGHT, WIDTH)),
        Parameters.atMost(MAX_SEQUENCE_LENGTH, MAX_TOKENS),
        Parameters.trueGuidance(),
        (values, given, notes) -> withoutEmpty(withoutEmpty(values, PROMPT_2), NEGATIVE_PROMPT_2));
  }

  /** An empty text means that the second encoder gets the first one's. */
  private static Values withoutEmpty(Values values, Key<String> second) {
    return "".equals(values.get(second)) ? values.with(second, null) : values;
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new Flux1Model(parts));
  }
}
