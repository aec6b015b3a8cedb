package io.jdit.family.hunyuanvideo;

import static io.jdit.pipeline.RequestKeys.FLOW_SHIFT;
import static io.jdit.pipeline.RequestKeys.FPS;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.HEIGHT;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_FRAMES;
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
import java.util.List;
import java.util.Set;

/**
 * HunyuanVideo, text to video (diffusers' HunyuanVideoPipeline). That pipeline's {@code prompt_2}
 * has no effect there, and is no parameter here.
 */
public final class HunyuanVideo implements Family {
  private static final Values DEFAULTS =
      Values.of(PROMPT, null)
          .with(NEGATIVE_PROMPT, null)
          .with(TRUE_CFG_SCALE, 1.0)
          .with(GUIDANCE_SCALE, 6.0)
          .with(HEIGHT, 720)
          .with(WIDTH, 1280)
          .with(NUM_FRAMES, 129)
          .with(FPS, 24)
          .with(NUM_INFERENCE_STEPS, 50)
          .with(SEED, null)
          .with(NUM_OUTPUTS_PER_PROMPT, null)
          .with(MAX_SEQUENCE_LENGTH, 256);

  @Override
  public Set<String> classNames() {
    return Set.of("HunyuanVideoPipeline");
  }

  @Override
  public Parameters parameters(ModelFolder folder) {
    HunyuanFolder f = HunyuanFolder.read(folder);
    int factor = f.vae().temporal();
    return Parameters.of(
        folder,
        DEFAULTS.with(FLOW_SHIFT, f.scheduler().shift()),
        Parameters.multipleOf(f.vae().spatial() * f.transformer().patch(), List.of(HEIGHT, WIDTH)),
        // Frames that do not make up a latent frame are left out, unlike Wan's.
        Parameters.frames(factor, asked -> (asked - 1) / factor * factor + 1),
        Parameters.atMost(MAX_SEQUENCE_LENGTH, f.textPositions() - PromptEncoder.DROPPED),
        Parameters.trueGuidance());
  }

  @Override
  public Model build(ModelFolder folder, Strategies strategies) {
    Parts parts = new Parts(folder, strategies);
    return parts.build(() -> new HunyuanVideoModel(parts));
  }
}
