package io.jdit.family.flux1;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.Streams;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FluxTransformerTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void everyBlockOfTheFirstStepEqualsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      FluxTransformer model = model(f, weights);
      int textTokens = (int) f.tensor("prompt_embeds").size(1);
      RotaryTable rotary = model.rotary(textTokens, 4, 6);
      assertThat(rotary.cos()).isCloseTo(f.tensor("step0.rope.cos"), 1e-6);
      assertThat(rotary.sin()).isCloseTo(f.tensor("step0.rope.sin"), 1e-6);
      DiffusionTransformer.Prepared<FluxConditioning> p =
          model.prepare(
              new FluxInputs(
                  f.tensor("latents_init"),
                  f.tensor("prompt_embeds"),
                  f.tensor("pooled_prompt_embeds"),
                  f.tensor("step0.in.timestep"),
                  f.has("step0.in.guidance") ? f.tensor("step0.in.guidance") : null,
                  rotary));
      assertThat(p.streams().hidden()).isCloseTo(f.tensor("step0.x_embedder"), TOLERANCE);
      assertThat(p.streams().encoder()).isCloseTo(f.tensor("step0.context_embedder"), TOLERANCE);
      Streams s = p.streams();
      BlockGroup<FluxConditioning> group = model.groups().get(0);
      for (int i = 0; i < group.blocks().size(); i++) {
        Block<FluxConditioning> block = group.blocks().get(i);
        s = block.forward(s, p.conditioning());
        int doubles = model.config().numLayers();
        String key = i < doubles ? "step0.double." + i : "step0.single." + (i - doubles);
        assertThat(s.hidden()).as(key).isCloseTo(f.tensor(key + ".hidden"), TOLERANCE);
        assertThat(s.encoder()).as(key).isCloseTo(f.tensor(key + ".encoder"), TOLERANCE);
      }
      assertThat(model.finish(s, p.conditioning()))
          .isCloseTo(f.tensor("transformer_out.step0"), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void rowsOfABatchAreIndependent(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      FluxTransformer model = model(f, weights);
      int textTokens = (int) f.tensor("batch2.in.encoder_hidden_states").size(1);
      FluxInputs in =
          new FluxInputs(
              f.tensor("batch2.in.hidden_states"),
              f.tensor("batch2.in.encoder_hidden_states"),
              f.tensor("batch2.in.pooled_projections"),
              f.tensor("batch2.in.timestep"),
              f.has("batch2.in.guidance") ? f.tensor("batch2.in.guidance") : null,
              model.rotary(textTokens, 4, 6));
      Tensor out = model.forward(in, BlockRunner.direct());
      assertThat(out).isCloseTo(f.tensor("batch2.out"), TOLERANCE);
    }
  }

  private static FluxTransformer model(Fixture f, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new FluxTransformer(
                FluxConfig.read(f.config("transformer")),
                w,
                LinearFactory.dense(),
                new FusedAttention()));
  }
}
