package io.jdit.cli;

import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** What a picture file says about how it was made. */
final class PictureTexts {
  private PictureTexts() {}

  /** Text chunks: the settings one by one for people, and all as JSON in {@code settings}. */
  static Map<String, String> of(GenerationSettings s, String model, LoadOptions options) {
    Map<String, Object> settings = settings(s, model, options);
    Map<String, String> texts = new LinkedHashMap<>();
    settings.forEach((k, v) -> texts.put(k, String.valueOf(v)));
    texts.put("Software", "JDiT " + Version.text());
    texts.put("settings", JsonMapper.shared().writeValueAsString(settings));
    return texts;
  }

  /** All settings with the names of the options. */
  static Map<String, Object> settings(GenerationSettings s, String model, LoadOptions options) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("prompt", s.prompt());
    if (s.negativePrompt() != null) {
      map.put("negative_prompt", s.negativePrompt());
    }
    map.put("model", model);
    map.put("seed", s.seed());
    map.put("height", s.height());
    map.put("width", s.width());
    map.put("num_inference_steps", s.numInferenceSteps());
    map.put("guidance_scale", s.guidanceScale());
    map.put("true_cfg_scale", s.trueCfgScale());
    map.put("max_sequence_length", s.maxSequenceLength());
    map.put("num_outputs_per_prompt", s.images());
    map.put("dtype", options.dtype().text());
    // Not its number: a picture does not depend on which of several equal devices drew it.
    map.put("device", options.device().type().name().toLowerCase(Locale.ROOT));
    return map;
  }
}
