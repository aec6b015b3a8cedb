package io.jdit.cli;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What of a request decides how much there is to compute. */
final class RequestOptions {
  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(
        spec,
        List.of(
            RequestKeys.HEIGHT,
            RequestKeys.WIDTH,
            RequestKeys.NUM_FRAMES,
            RequestKeys.NUM_INFERENCE_STEPS,
            RequestKeys.MAX_SEQUENCE_LENGTH,
            RequestKeys.NUM_OUTPUTS_PER_PROMPT,
            RequestKeys.NEGATIVE_PROMPT,
            RequestKeys.TRUE_CFG_SCALE,
            RequestKeys.GUIDANCE_SCALE));
  }

  Values given() {
    return options.given();
  }
}
