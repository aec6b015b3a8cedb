package io.jdit.family.qwenimage;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class QwenImageTransformerTest {
  private static final double TOLERANCE = 1e-4;
  private static final List<Grid> PICTURE = List.of(new Grid(7, 4));

  @ParameterizedTest
  @ValueSource(strings = {"qwen-image-tiny", "qwen-image-edit-tiny", "qwen-image-edit-plus-tiny"})
  void everyBlockOfTheFirstStepEqualsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      QwenImageTransformer model = model(f, weights, f.config("transformer"));
      checkSteps(f, model, "", "cond", "uncond");
    }
  }

  /** Qwen-Image-Edit-2511: the same weights with a switch. */
  @Test
  void tokensOfPicturesHaveAModulationOfTheirOwn() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-edit-plus-tiny")) {
      QwenImageConfig c = QwenImageConfig.read(f.config("transformer"));
      QwenImageConfig zero =
          new QwenImageConfig(
              c.inChannels(),
              c.outChannels(),
              c.numLayers(),
              c.numAttentionHeads(),
              c.attentionHeadDim(),
              c.jointAttentionDim(),
              true,
              c.axesDimsRope());
      checkSteps(f, model(f, weights, zero), "zero_cond_t.", "cond");
    }
  }

  private static void checkSteps(
      Fixture f, QwenImageTransformer model, String prefix, String... branches) {
    List<Grid> grids = new ArrayList<>();
    for (JsonNode shape : f.json().path("img_shapes").get(0)) {
      grids.add(new Grid(shape.get(1).intValue(), shape.get(2).intValue()));
    }
    for (String branch : branches) {
      String step = prefix + "step0." + branch + ".";
      Tensor embeds = f.tensor(branch.equals("cond") ? "prompt_embeds" : "negative_prompt_embeds");
      long textTokens = embeds.size(1);
      RotaryTable rotary = model.rotary((int) textTokens, grids);
      if (f.has(step + "rope_txt")) {
        assertRotary(rotary.narrow(0, textTokens), f.tensor(step + "rope_txt"));
      }
      if (f.has(step + "rope_img")) {
        long images = rotary.cos().size(0) - textTokens;
        assertRotary(rotary.narrow(textTokens, images), f.tensor(step + "rope_img"));
      }
      DiffusionTransformer.Prepared<QwenImageConditioning> p =
          model.prepare(
              new QwenImageInputs(
                  f.tensor("latents_init"),
                  f.has("image_latents") ? f.tensor("image_latents") : null,
                  embeds,
                  null,
                  Tensor.of(new float[] {1}, 1),
                  rotary));
      Streams s = p.streams();
      check(f, step + "img_in", s.hidden());
      check(f, step + "txt_in", s.encoder());
      if (f.has(step + "temb")) {
        Tensor temb = Functional.silu(f.tensor(step + "temb"));
        assertThat(p.conditioning().temb()).isCloseTo(temb.narrow(0, 0, 1), TOLERANCE);
        if (temb.size(0) == 2) {
          assertThat(p.conditioning().zeroTemb()).isCloseTo(temb.narrow(0, 1, 1), TOLERANCE);
        }
      }
      int i = 0;
      for (Block<QwenImageConditioning> block : model.groups().get(0).blocks()) {
        s = block.forward(s, p.conditioning());
        check(f, step + "block" + i + ".img", s.hidden());
        check(f, step + "block" + i++ + ".txt", s.encoder());
      }
      // The reference's output has tokens of the pictures too, which nobody uses.
      long tokens = f.tensor("latents_init").size(1);
      assertThat(model.finish(s, p.conditioning()))
          .isCloseTo(f.tensor(step + "output").narrow(1, 0, tokens), TOLERANCE);
    }
  }

  /** Not every fixture has every tensor. */
  private static void check(Fixture f, String name, Tensor actual) {
    if (f.has(name)) {
      assertThat(actual).as(name).isCloseTo(f.tensor(name), TOLERANCE);
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
      QwenImageTransformer model = model(f, weights, f.config("transformer"));
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

  private static QwenImageTransformer model(Fixture f, TensorScope weights, ModelConfig config) {
    return model(f, weights, QwenImageConfig.read(config));
  }

  private static QwenImageTransformer model(
      Fixture f, TensorScope weights, QwenImageConfig config) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new QwenImageTransformer(
                config, w, LinearFactory.dense(), new FusedAttention(), SequenceParallel.none()));
  }
}
