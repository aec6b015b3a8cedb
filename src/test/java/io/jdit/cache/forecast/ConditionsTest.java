package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import org.junit.jupiter.api.Test;

class ConditionsTest {
  private static Values request(int width, int height, int steps) {
    return Values.of(RequestKeys.WIDTH, width)
        .with(RequestKeys.HEIGHT, height)
        .with(RequestKeys.NUM_INFERENCE_STEPS, steps)
        .with(RequestKeys.TRUE_CFG_SCALE, 3.5)
        .with(RequestKeys.PROMPT, "a fox");
  }

  private static Conditions of(int width, int height, int steps) {
    return Conditions.of("m", "bfloat16", request(width, height, steps));
  }

  @Test
  void sizesOfAboutAsManyPixelsAreAlike() {
    Conditions square = of(1024, 1024, 28);
    assertThat(of(1216, 832, 28).differences(square)).isEmpty();
    assertThat(of(1280, 720, 28).differences(square)).isEmpty();
    assertThat(of(512, 512, 28).differences(square))
        .containsExactly("size is 512x512, the profile has 1024x1024");
  }

  @Test
  void everyDifferenceIsNamed() {
    Conditions profile = of(64, 64, 28);
    assertThat(of(64, 64, 20).differences(profile))
        .containsExactly("num_inference_steps is 20, the profile has 28");
    Values other = request(64, 64, 28).with(RequestKeys.TRUE_CFG_SCALE, 1.0);
    assertThat(Conditions.of("n", "float32", other).differences(profile))
        .containsExactly(
            "it is of another model",
            "true_cfg_scale is 1, the profile has 3.5",
            "dtype is float32, the profile has bfloat16");
    assertThat(profile.toString())
        .isEqualTo("64x64, num_inference_steps 28, true_cfg_scale 3.5, bfloat16");
  }
}
