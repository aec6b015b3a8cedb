package io.jdit.family.wan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.testing.Fixture;
import io.jdit.testing.TinyPipeline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WanRequestTest {
  private static final Values PROMPT = Values.of(RequestKeys.PROMPT, "a cat");

  @TempDir private Path folder;

  private static Request resolve(String name, Values values) {
    return Engine.parameters(Fixture.ROOT.resolve(name).resolve("pipeline")).resolve(values);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "2, 1", "3, 1", "4, 5", "5, 5", "12, 13", "14, 13", "81, 81", "120, 121"})
  void frameCountsAreRoundedAsTheReferenceDoes(int asked, int made) {
    Request r = resolve("wan21-t2v-tiny", PROMPT.with(RequestKeys.NUM_FRAMES, asked));
    assertThat(r.get(RequestKeys.NUM_FRAMES)).isEqualTo(made);
    if (asked == made) {
      assertThat(r.notes()).isEmpty();
    } else {
      assertThat(r.notes()).hasSize(1);
      assertThat(r.notes().get(0)).startsWith("num_frames " + asked + " became " + made);
    }
  }

  @Test
  void sizesAreRefusedOrRoundedAsTheReferenceDoes() {
    assertThatThrownBy(() -> resolve("wan21-t2v-tiny", PROMPT.with(RequestKeys.HEIGHT, 40)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("height 40 is not a multiple of 16: use 32 or 48");
    Request r =
        resolve("wan22-ti2v-tiny", PROMPT.with(RequestKeys.HEIGHT, 80).with(RequestKeys.WIDTH, 64));
    assertThat(r.height()).isEqualTo(64);
    assertThat(r.width()).isEqualTo(64);
    assertThat(r.notes()).containsExactly("height 80 became 64, a multiple of 32");
    assertThatThrownBy(() -> resolve("wan22-ti2v-tiny", PROMPT.with(RequestKeys.HEIGHT, 16)))
        .hasMessageContaining("height 16 is too small: use 32 or more");
    assertThatThrownBy(
            () -> resolve("wan21-t2v-tiny", PROMPT.with(RequestKeys.MAX_SEQUENCE_LENGTH, 513)))
        .hasMessageContaining("--max-sequence-length must be <= 512");
  }

  @Test
  void theSecondScaleBelongsToASecondTransformer() {
    assertThatThrownBy(
            () -> resolve("wan21-t2v-tiny", PROMPT.with(RequestKeys.GUIDANCE_SCALE_2, 3.0)))
        .hasMessageContaining("guidance_scale_2 is no parameter of WanPipeline");
    Request own = resolve("wan22-t2v-tiny", PROMPT);
    assertThat(own.get(RequestKeys.GUIDANCE_SCALE)).isEqualTo(4.0);
    assertThat(own.get(RequestKeys.GUIDANCE_SCALE_2)).isEqualTo(3.0);
    assertThat(own.get(RequestKeys.BOUNDARY_RATIO)).isEqualTo(0.875);
    Request same = resolve("wan22-t2v-tiny", PROMPT.with(RequestKeys.GUIDANCE_SCALE, 6.0));
    assertThat(same.get(RequestKeys.GUIDANCE_SCALE_2)).isEqualTo(6.0);
    assertThatThrownBy(
            () -> resolve("wan22-t2v-tiny", PROMPT.with(RequestKeys.BOUNDARY_RATIO, 1.5)))
        .hasMessageContaining("boundary_ratio must be <= 1, got 1.5");
  }

  @Test
  void theModelsNegativePromptIsTheDefault() {
    assertThat(resolve("wan21-t2v-tiny", PROMPT).get(RequestKeys.NEGATIVE_PROMPT))
        .isEqualTo(Wan.NEGATIVE);
    for (String name : List.of("wan22-t2v-tiny", "wan22-ti2v-tiny")) {
      assertThat(resolve(name, PROMPT).get(RequestKeys.NEGATIVE_PROMPT))
          .isEqualTo(Wan.NEGATIVE_CHINESE);
    }
    Request off =
        resolve(
            "wan21-t2v-tiny",
            PROMPT
                .with(RequestKeys.GUIDANCE_SCALE, 1.0)
                .with(RequestKeys.NEGATIVE_PROMPT, "blurry"));
    assertThat(off.get(RequestKeys.NEGATIVE_PROMPT)).isNull();
    assertThat(off.notes()).hasSize(1);
    assertThat(off.notes().get(0)).contains("no effect at guidance_scale 1.0");
  }

  @Test
  void theSchedulersShiftIsTheDefault() {
    assertThat(resolve("wan21-t2v-tiny", PROMPT).get(RequestKeys.FLOW_SHIFT)).isEqualTo(3.0);
    assertThat(resolve("wan22-ti2v-tiny", PROMPT).get(RequestKeys.FLOW_SHIFT)).isEqualTo(5.0);
    assertThat(resolve("wan22-ti2v-tiny", PROMPT).get(RequestKeys.FPS)).isEqualTo(24);
  }

  @Test
  void picturesAreRequiredReadableAndTakenByModelsThatTakeOne() throws Exception {
    assertThatThrownBy(() -> resolve("wan21-i2v-tiny", PROMPT))
        .hasMessageContaining("image_path is required")
        .hasMessageContaining("--image-path");
    assertThatThrownBy(
            () -> resolve("wan21-t2v-tiny", PROMPT.with(RequestKeys.IMAGE_PATH, List.of("a.png"))))
        .hasMessageContaining("image_path is no parameter of WanPipeline");
    for (String name : List.of("wan21-i2v-tiny", "wan22-ti2v-tiny")) {
      Path missing = folder.resolve("missing.png");
      assertThatThrownBy(
              () -> resolve(name, PROMPT.with(RequestKeys.IMAGE_PATH, List.of(missing.toString()))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("image_path " + missing);
      Path text = Files.writeString(folder.resolve("text.png"), "no picture");
      assertThatThrownBy(
              () -> resolve(name, PROMPT.with(RequestKeys.IMAGE_PATH, List.of(text.toString()))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(text.toString());
    }
  }

  /** By the cards' formula, round(sqrt(area * height / width)) // 16 * 16, worked out in Python. */
  @ParameterizedTest
  @CsvSource({
    "wan21-i2v-tiny, 1000, 1000, 624, 624",
    "wan21-i2v-tiny, 1920, 1080, 832, 464",
    "wan21-i2v-tiny, 1080, 1920, 464, 832",
    "wan22-ti2v-tiny, 1000, 1000, 928, 928"
  })
  void aVideoHasTheAspectOfItsPicture(
      String name, int width, int height, int madeWidth, int madeHeight) throws Exception {
    Path file = folder.resolve("first.png");
    PngWriter.write(file, new Picture(width, height, new byte[3 * width * height]), Map.of());
    Values picture = PROMPT.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
    Request own = resolve(name, picture);
    assertThat(own.width()).isEqualTo(madeWidth);
    assertThat(own.height()).isEqualTo(madeHeight);
    Request given = resolve(name, picture.with(RequestKeys.HEIGHT, 64));
    assertThat(given.height()).isEqualTo(64);
    assertThat(given.width()).isEqualTo(name.contains("ti2v") ? 1280 : 832);
  }

  @Test
  void aPictureThatIsALineNeedsASize() throws Exception {
    Path file = folder.resolve("line.png");
    PngWriter.write(file, new Picture(1, 5000, new byte[3 * 5000]), Map.of());
    Values line = PROMPT.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
    assertThatThrownBy(() -> resolve("wan21-i2v-tiny", line))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("1 x 5000 pixels is too narrow: give --height and --width");
    assertThat(resolve("wan21-i2v-tiny", line.with(RequestKeys.WIDTH, 64)).width()).isEqualTo(64);
  }

  @Test
  void aSecondTransformerMustBeThere() {
    TinyPipeline copy = TinyPipeline.copy("wan21-t2v-tiny", folder.resolve("copy"));
    copy.edit("model_index.json", "\"scheduler\": [", "\"boundary_ratio\": 0.9, \"scheduler\": [");
    assertThatThrownBy(() -> Engine.parameters(copy.folder()))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("boundary_ratio 0.9")
        .hasMessageContaining("names no transformer_2");
    TinyPipeline two = TinyPipeline.copy("wan22-t2v-tiny", folder.resolve("two"));
    two.edit("model_index.json", "\"boundary_ratio\": 0.875,", "\"boundary_ratio\": null,");
    assertThatThrownBy(() -> Engine.parameters(two.folder()))
        .hasMessageContaining("names transformer_2, but no boundary_ratio");
    TinyPipeline narrow = TinyPipeline.copy("wan21-t2v-tiny", folder.resolve("narrow"));
    narrow.edit("transformer/config.json", "\"in_channels\": 16", "\"in_channels\": 36");
    assertThatThrownBy(() -> Engine.parameters(narrow.folder()))
        .hasMessageContaining("in_channels of the transformer is 36, expected 16");
  }
}
