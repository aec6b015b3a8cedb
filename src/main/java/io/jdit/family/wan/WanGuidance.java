package io.jdit.family.wan;

import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE_2;

import io.jdit.pipeline.Guidance;
import io.jdit.pipeline.Request;

/** Classifier-free guidance, with a scale for each of two transformers. */
final class WanGuidance {
  private WanGuidance() {}

  /** The first scale decides whether there is guidance, for both. */
  static Guidance of(Request request, boolean twoTransformers) {
    double scale = request.get(GUIDANCE_SCALE);
    if (scale <= 1) {
      return Guidance.none();
    }
    Guidance first = Guidance.classifierFree(scale);
    if (!twoTransformers) {
      return first;
    }
    Guidance second = Guidance.classifierFree(request.get(GUIDANCE_SCALE_2));
    return Guidance.of(
        2, (v, expert) -> (expert.equals(WanFolder.SECOND) ? second : first).combine(v, expert));
  }
}
