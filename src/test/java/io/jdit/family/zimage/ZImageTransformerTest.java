package io.jdit.family.zimage;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ZImageTransformerTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void everyBlockOfTheFirstStepEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      ZImageTransformer model = model(f, weights);
      int[] lengths = {(int) f.tensor("prompt_embeds").size(0)};
      RotaryTable rotary = model.rotary(lengths, 5, 6);
      assertRotary(rotary, f.tensor("step0.layers.rope"));
      assertRotary(rotary.narrow(0, 32), f.tensor("step0.noise_refiner.rope"));
      assertRotary(rotary.narrow(32, 32), f.tensor("step0.context_refiner.rope"));
      DiffusionTransformer.Prepared<ZImageConditioning> p =
          model.prepare(
              new ZImageInputs(
                  f.tensor("latents_init"),
                  f.tensor("prompt_embeds").unsqueeze(0),
                  lengths,
                  f.tensor("step0.t"),
                  rotary));
      assertThat(p.conditioning().adaln()).isCloseTo(f.tensor("step0.t_embedder"), TOLERANCE);
      Streams s = p.streams();
      // The sequence is the outputs of both refiners.
      assertThat(s.hidden()).isCloseTo(f.tensor("step0.layers.in"), TOLERANCE);
      int i = 0;
      for (Block<ZImageConditioning> block : model.groups().get(0).blocks()) {
        s = block.forward(s, p.conditioning());
        assertThat(s.hidden()).as("layer %d", i).isCloseTo(f.tensor("step0.layers" + i), TOLERANCE);
        i++;
      }
      assertThat(model.finish(s, p.conditioning()))
          .isCloseTo(f.tensor("step0.output").squeeze(2), TOLERANCE);
    }
  }

  /** The fixture has (cos, sin) of each pair; the table each value twice. */
  private static void assertRotary(RotaryTable rotary, Tensor pairs) {
    for (int part = 0; part < 2; part++) {
      Tensor half = pairs.select(0, 0).select(-1, part);
      assertThat(part == 0 ? rotary.cos() : rotary.sin())
          .isCloseTo(half.repeatInterleave(2, 1), 1e-6);
    }
  }

  /** Captions of 28 and 49 tokens, padded to 32 and 64. */
  @Test
  void rowsOfABatchAreIndependent() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      ZImageTransformer model = model(f, weights);
      Tensor shorter = f.tensor("text.short.prompt_embeds");
      Tensor longer = f.tensor("text.unicode.prompt_embeds");
      int[] lengths = {(int) shorter.size(0), (int) longer.size(0)};
      Tensor filler =
          Tensor.full(9, DType.FLOAT32, longer.device(), lengths[1] - lengths[0], longer.size(1));
      Tensor captions = Tensor.stack(0, Tensor.cat(0, shorter, filler), longer);
      Tensor latents = f.tensor("latents_init");
      Tensor t = Tensor.of(new float[] {0.25f, 0.5f}, 2);
      Tensor both =
          model.forward(
              new ZImageInputs(
                  Tensor.cat(0, latents, latents.neg()),
                  captions,
                  lengths,
                  t,
                  model.rotary(lengths, 5, 6)),
              BlockRunner.direct());
      for (int b = 0; b < 2; b++) {
        int[] one = {lengths[b]};
        Tensor alone =
            model.forward(
                new ZImageInputs(
                    b == 0 ? latents : latents.neg(),
                    captions.narrow(0, b, 1),
                    one,
                    t.narrow(0, b, 1),
                    model.rotary(one, 5, 6)),
                BlockRunner.direct());
        assertThat(both.narrow(0, b, 1)).as("row %d", b).isCloseTo(alone, 1e-5);
      }
    }
  }

  private static ZImageTransformer model(Fixture f, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new ZImageTransformer(
                ZImageConfig.read(f.config("transformer")),
                w,
                LinearFactory.dense(),
                new FusedAttention(),
                SequenceParallel.none()));
  }
}
