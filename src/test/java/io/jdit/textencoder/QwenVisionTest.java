package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.media.Picture;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class QwenVisionTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"qwen-image-edit-tiny", "qwen-image-edit-plus-tiny"})
  void picturesBecomeTheReferencesPatchesAndTokens(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      QwenPictures processor =
          QwenPictures.read(
              ModelConfig.read(f.pipeline().resolve("processor/preprocessor_config.json")));
      List<QwenPictures.Patches> patches = new ArrayList<>();
      List<int[]> grids = new ArrayList<>();
      for (JsonNode grid : f.json().path("image_grid_thw")) {
        Tensor image = f.tensor("condition_image" + patches.size());
        QwenPictures.Patches p =
            processor.patches(
                new Picture((int) image.size(1), (int) image.size(0), image.toBytes()));
        Assertions.assertThat(p.gridHeight()).isEqualTo(grid.get(1).intValue());
        Assertions.assertThat(p.gridWidth()).isEqualTo(grid.get(2).intValue());
        patches.add(p);
        grids.add(new int[] {p.gridHeight() / 2, p.gridWidth() / 2});
      }
      Tensor values =
          Tensor.cat(0, patches.stream().map(QwenPictures.Patches::values).toArray(Tensor[]::new));
      assertThat(values).isCloseTo(f.tensor("pixel_values"), 1e-5);

      VisionWindows windows = VisionWindows.of(grids, 2);
      JsonNode vision = f.json().path("vision");
      Assertions.assertThat(windows.order()).isEqualTo(longs(vision.path("window_index")));
      long[] edges = longs(vision.path("cu_window_seqlens"));
      Assertions.assertThat(windows.windows()).hasSize(edges.length - 1);
      for (int i = 0; i < windows.windows().length; i++) {
        Assertions.assertThat(4L * windows.windows()[i]).isEqualTo(edges[i + 1] - edges[i]);
      }

      QwenVisionTower tower =
          f.build(
              "text_encoder",
              DType.FLOAT32,
              weights,
              w -> {
                w.ignoreBelow("model.language_model");
                w.ignore("lm_head.weight");
                return new QwenVisionTower(
                    QwenVisionConfig.read(f.config("text_encoder")), w, LinearFactory.dense());
              });
      assertThat(tower.forward(patches)).isCloseTo(f.tensor("vision.output"), TOLERANCE);

      long[] ids = longs(f.json().path("text").path("cond_input_ids").get(0));
      int[][] positions = PicturePositions.of(ids, 608, grids);
      for (int axis = 0; axis < 3; axis++) {
        Assertions.assertThat(Arrays.stream(positions[axis]).asLongStream().toArray())
            .isEqualTo(longs(vision.path("mrope_position_ids").get(axis)));
      }
    }
  }

  /** smart_resize by hand: multiples of 28 within 3136 and 12845056 pixels. */
  @ParameterizedTest
  @CsvSource({
    "64, 96, 56, 84",
    "42, 70, 56, 56", // 1.5 and 2.5: half to even
    "20, 20, 56, 56", // below the least area: 20 times 2.8 is 56
    "6000, 4000, 4368, 2912" // above the most: divided by 1.3668, then downwards
  })
  void sidesAreMultiplesWithinTheLimits(int height, int width, int toHeight, int toWidth) {
    QwenPictures processor =
        new QwenPictures(14, 2, 3136, 12845056, new double[3], new double[] {1, 1, 1});
    Assertions.assertThat(processor.resized(height, width)).containsExactly(toHeight, toWidth);
  }

  @Test
  void windowsAtTheEdgesAreSmaller() {
    VisionWindows w = VisionWindows.of(List.of(new int[] {3, 5}, new int[] {2, 2}), 4);
    Assertions.assertThat(w.windows()).containsExactly(12, 3, 4);
    Assertions.assertThat(w.pictures()).containsExactly(15, 4);
    Assertions.assertThat(w.order())
        .containsExactly(0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 4, 9, 14, 15, 16, 17, 18);
    for (int i = 0; i < w.order().length; i++) {
      Assertions.assertThat(w.inverse()[(int) w.order()[i]]).isEqualTo(i);
    }
  }

  private static long[] longs(JsonNode list) {
    long[] values = new long[list.size()];
    Arrays.setAll(values, i -> list.get(i).asLong());
    return values;
  }
}
