package io.jdit.engine;

import io.jdit.media.Picture;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.Request;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Acceleration;
import java.util.List;

/**
 * What a generation made.
 *
 * @param request as it was run
 * @param pictures of each output, or all frames of each; none when they went to a sink
 * @param latents final latents as the denoiser holds them, float32 on the CPU. Close it, or the
 *     result.
 * @param report times and memory of the stages text_encode, denoise and decode
 * @param notes what the user should know, for example a prompt that was cut
 * @param accelerations of each expert that was used, closed: what they found out
 */
public record Result(
    Request request,
    List<Picture> pictures,
    Tensor latents,
    StageReport report,
    List<String> notes,
    List<Acceleration> accelerations)
    implements AutoCloseable {
  @Override
  public void close() {
    latents.close();
  }
}
