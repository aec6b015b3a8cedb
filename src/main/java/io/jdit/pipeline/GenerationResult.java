package io.jdit.pipeline;

import io.jdit.media.Picture;
import io.jdit.metrics.StageReport;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Acceleration;
import java.util.List;

/**
 * What a generation made.
 *
 * @param latents final latents as the denoiser holds them, float32 on the CPU; FLUX.1: packed
 *     tokens [B, N, C]. Close it, or the result.
 * @param report times and memory of the stages text_encode, denoise and decode
 * @param warnings what the user should know, for example a prompt that was cut
 * @param accelerations closed; by expert in the order in which they computed
 */
public record GenerationResult(
    GenerationSettings settings,
    List<Picture> images,
    Tensor latents,
    StageReport report,
    List<String> warnings,
    List<Acceleration> accelerations)
    implements AutoCloseable {
  @Override
  public void close() {
    latents.close();
  }
}
