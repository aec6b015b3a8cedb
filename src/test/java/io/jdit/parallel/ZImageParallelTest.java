package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.family.zimage.ZImageConfig;
import io.jdit.family.zimage.ZImageInputs;
import io.jdit.family.zimage.ZImageTransformer;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.BlockRunner;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Z-Image's transformer on two ranks. */
@ExtendWith(NoLeaks.class)
class ZImageParallelTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @CsvSource({"1, 2, 1, false", "1, 2, 1, true", "2, 1, 1, false", "1, 1, 2, false"})
  void everyLayoutGivesTheOutputOfOneProcess(int ring, int ulysses, int tp, boolean async) {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, tp)).withAsync(async);
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      ZImageTransformer alone = model(f, weights, Strategies.cpu());
      Tensor expected = alone.forward(twoCaptions(f, alone), BlockRunner.direct());
      LocalWorld.run(
          2,
          world -> {
            try (TensorScope owner = TensorScope.unbound();
                ParallelModel parallel = new ParallelModel(config, world, new FusedAttention())) {
              ZImageTransformer model = model(f, owner, parallel.apply(Strategies.cpu()));
              assertThat(model.forward(oneCaption(f, model), BlockRunner.direct()))
                  .isCloseTo(f.tensor("step0.output").squeeze(2), TOLERANCE);
              assertThat(model.forward(twoCaptions(f, model), BlockRunner.direct()))
                  .as("captions of different lengths")
                  .isCloseTo(expected, TOLERANCE);
            }
          });
    }
  }

  private static ZImageInputs oneCaption(Fixture f, ZImageTransformer model) {
    Tensor caption = f.tensor("prompt_embeds").unsqueeze(0);
    int[] lengths = {(int) caption.size(1)};
    return new ZImageInputs(
        f.tensor("latents_init"),
        caption,
        lengths,
        f.tensor("step0.t"),
        model.rotary(lengths, 5, 6));
  }

  private static ZImageInputs twoCaptions(Fixture f, ZImageTransformer model) {
    Tensor shorter = f.tensor("text.short.prompt_embeds");
    Tensor longer = f.tensor("text.unicode.prompt_embeds");
    int[] lengths = {(int) shorter.size(0), (int) longer.size(0)};
    Tensor filler =
        Tensor.zeros(DType.FLOAT32, longer.device(), lengths[1] - lengths[0], longer.size(1));
    Tensor latents = f.tensor("latents_init");
    return new ZImageInputs(
        Tensor.cat(0, latents, latents),
        Tensor.stack(0, Tensor.cat(0, shorter, filler), longer),
        lengths,
        Tensor.of(new float[] {0.5f, 0.5f}, 2),
        model.rotary(lengths, 5, 6));
  }

  private static ZImageTransformer model(Fixture f, TensorScope owner, Strategies s) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        owner,
        w ->
            new ZImageTransformer(
                ZImageConfig.read(f.config("transformer")),
                w,
                s.linears("transformer"),
                s.attention(),
                s.sequence()));
  }
}
