package io.jdit.cli;

import io.jdit.pipeline.RequestKeys;
import java.util.List;

/** What of a request decides how much there is to compute. */
final class RequestOptions extends CatalogOptions {
  RequestOptions() {
    super(
        List.of(
            RequestKeys.HEIGHT,
            RequestKeys.WIDTH,
            RequestKeys.NUM_INFERENCE_STEPS,
            RequestKeys.MAX_SEQUENCE_LENGTH,
            RequestKeys.NUM_OUTPUTS_PER_PROMPT,
            RequestKeys.NEGATIVE_PROMPT,
            RequestKeys.TRUE_CFG_SCALE),
        "--vae-tiling");
  }
}
