package io.jdit.family.qwenimage;

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
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class QwenImageTransformerTest {
  private static final double TOLERANCE = 1e-4;
  private static final List<Grid> PICTURE = List.of(new Grid(7, 4));

  @Test
  void everyBlockOfTheFirstStepEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-tiny")) {
      QwenImageTransformer model = model(f, weights);
      for (String branch : new String[] {"cond", "uncond"}) {
        Tensor embeds =
            f.tensor(branch.equals("cond") ? "prompt_embeds" : "negative_prompt_embeds");
        String step = "step0." + branch + ".";
        RotaryTable rotary = model.rotary((int) embeds.size(1), PICTURE);
        assertRotary(rotary.narrow(0, embeds.size(1)), f.tensor(step + "rope_txt"));
        if (branch.equals("cond")) {
          assertRotary(rotary.narrow(embeds.size(1), 28), f.tensor(step + "rope_img"));
        }
        DiffusionTransformer.Prepared<QwenImageConditioning> p =
            model.prepare(
                new QwenImageInputs(
                    f.tensor("latents_init"),
                    null,
                    embeds,
                    null,
                    Tensor.of(new float[] {1}, 1),
                    rotary));
        Streams s = p.streams();
        if (branch.equals("cond")) {
          assertThat(s.hidden()).isCloseTo(f.tensor(step + "img_in"), TOLERANCE);
          assertThat(s.encoder()).isCloseTo(f.tensor(step + "txt_in"), TOLERANCE);
        }
        int i = 0;
        for (Block<QwenImageConditioning> block : model.groups().get(0).blocks()) {
          s = block.forward(s, p.conditioning());
          String key = step + "block" + i++;
          if (f.has(key + ".img")) {
            assertThat(s.hidden()).as(key).isCloseTo(f.tensor(key + ".img"), TOLERANCE);
            assertThat(s.encoder()).as(key).isCloseTo(f.tensor(key + ".txt"), TOLERANCE);
          }
        }
        assertThat(model.finish(s, p.conditioning()))
            .isCloseTo(f.tensor(step + "output"), TOLERANCE);
      }
    }
  }

  /** The fixture has (cos, sin) of each pair; the table each value twice. */
  private static void assertRotary(RotaryTable rotary, Tensor pairs) {
    assertThat(rotary.cos()).isCloseTo(pairs.select(-1, 0).repeatInterleave(2, 1), 1e-6);
    assertThat(rotary.sin()).isCloseTo(pairs.select(-1, 1).repeatInterleave(2, 1), 1e-6);
  }

  /** Texts of 10 and 24 tokens in one batch: each row gives what it gives alone. */
  @Test
  void paddingOfTheTextIsNoKey() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-tiny")) {
      QwenImageTransformer model = model(f, weights);
      Tensor texts = f.tensor("text.batch.prompt_embeds");
      int[] lengths = {10, 24};
      Tensor latents = f.tensor("latents_init");
      Tensor t = Tensor.of(new float[] {0.5f, 0.5f}, 2);
      Tensor both =
          model.forward(
              new QwenImageInputs(
                  Tensor.cat(0, latents, latents),
                  null,
                  texts,
                  lengths,
                  t,
                  model.rotary(24, PICTURE)),
              BlockRunner.direct());
      for (int b = 0; b < 2; b++) {
        Tensor alone =
            model.forward(
                new QwenImageInputs(
                    latents,
                    null,
                    texts.narrow(0, b, 1).narrow(1, 0, lengths[b]),
                    null,
                    t.narrow(0, 0, 1),
                    model.rotary(lengths[b], PICTURE)),
                BlockRunner.direct());
        assertThat(both.narrow(0, b, 1)).as("row %d", b).isCloseTo(alone, 1e-5);
      }
    }
  }

  private static QwenImageTransformer model(Fixture f, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new QwenImageTransformer(
                QwenImageConfig.read(f.config("transformer")),
                w,
                LinearFactory.dense(),
                new FusedAttention(),
                SequenceParallel.none()));
  }
}
