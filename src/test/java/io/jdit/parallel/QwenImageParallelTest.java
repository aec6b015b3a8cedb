package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.family.qwenimage.QwenImageConfig;
import io.jdit.family.qwenimage.QwenImageInputs;
import io.jdit.family.qwenimage.QwenImageTransformer;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Qwen-Image's transformer on two ranks. */
@ExtendWith(NoLeaks.class)
class QwenImageParallelTest {
  private static final double TOLERANCE = 1e-4;
  private static final Grid GRID = new Grid(7, 4);

  @ParameterizedTest
  @CsvSource({"1, 2, 1, false", "1, 2, 1, true", "2, 1, 1, false", "1, 1, 2, false"})
  void everyLayoutGivesTheOutputOfOneProcess(int ring, int ulysses, int tp, boolean async) {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, tp)).withAsync(async);
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-tiny")) {
      QwenImageTransformer alone = model(f, weights, Strategies.cpu());
      Tensor masked = alone.forward(twoTexts(f, alone), BlockRunner.direct());
      LocalWorld.run(
          2,
          world -> {
            try (TensorScope owner = TensorScope.unbound();
                ParallelModel parallel = new ParallelModel(config, world, new FusedAttention())) {
              QwenImageTransformer model = model(f, owner, parallel.apply(Strategies.cpu()));
              Tensor text = f.tensor("prompt_embeds");
              QwenImageInputs one =
                  new QwenImageInputs(
                      f.tensor("latents_init"),
                      null,
                      text,
                      null,
                      Tensor.of(new float[] {1}, 1),
                      model.rotary((int) text.size(1), List.of(GRID)));
              assertThat(model.forward(one, BlockRunner.direct()))
                  .isCloseTo(f.tensor("step0.cond.output"), TOLERANCE);
              assertThat(model.forward(twoTexts(f, model), BlockRunner.direct()))
                  .as("texts of different lengths")
                  .isCloseTo(masked, TOLERANCE);
            }
          });
    }
  }

  /** Latents and pictures are cut each by itself, so that each rank has some of both. */
  @ParameterizedTest
  @CsvSource({"1, 2, 1", "2, 1, 1", "1, 1, 2"})
  void editsOnTwoRanks(int ring, int ulysses, int tp) {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, tp));
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-edit-plus-tiny")) {
      LocalWorld.run(
          2,
          world -> {
            try (TensorScope owner = TensorScope.unbound();
                ParallelModel parallel = new ParallelModel(config, world, new FusedAttention())) {
              QwenImageTransformer model = model(f, owner, parallel.apply(Strategies.cpu()));
              Tensor text = f.tensor("prompt_embeds");
              List<Grid> grids = List.of(new Grid(6, 4), new Grid(4, 6), new Grid(6, 4));
              QwenImageInputs in =
                  new QwenImageInputs(
                      f.tensor("latents_init"),
                      f.tensor("image_latents"),
                      text,
                      null,
                      Tensor.of(new float[] {1}, 1),
                      model.rotary((int) text.size(1), grids));
              // The reference's output has tokens of the pictures too, which nobody uses.
              assertThat(model.forward(in, BlockRunner.direct()))
                  .isCloseTo(f.tensor("step0.cond.output").narrow(1, 0, 24), TOLERANCE);
            }
          });
    }
  }

  private static QwenImageInputs twoTexts(Fixture f, QwenImageTransformer model) {
    Tensor latents = f.tensor("latents_init");
    return new QwenImageInputs(
        Tensor.cat(0, latents, latents),
        null,
        f.tensor("text.batch.prompt_embeds"),
        new int[] {10, 24},
        Tensor.of(new float[] {0.5f, 0.5f}, 2),
        model.rotary(24, List.of(GRID)));
  }

  private static QwenImageTransformer model(Fixture f, TensorScope owner, Strategies s) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        owner,
        w ->
            new QwenImageTransformer(
                QwenImageConfig.read(f.config("transformer")),
                w,
                s.linears("transformer"),
                s.attention(),
                s.sequence()));
  }
}
