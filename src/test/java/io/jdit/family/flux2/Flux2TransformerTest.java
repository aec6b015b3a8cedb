package io.jdit.family.flux2;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
class Flux2TransformerTest {
  private static final double TOLERANCE = 1e-4;
  private static final List<Grid> GRID = List.of(new Grid(4, 6));

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void everyBlockOfTheFirstStepEqualsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      Flux2Transformer model = model(f, weights);
      Flux2Inputs in =
          new Flux2Inputs(
              f.tensor("latents_init"),
              null,
              f.tensor("prompt_embeds"),
              f.tensor("step0.in.timestep"),
              f.has("step0.in.guidance") ? f.tensor("step0.in.guidance") : null,
              model.rotary((int) f.tensor("prompt_embeds").size(1), GRID));
      DiffusionTransformer.Prepared<Flux2Conditioning> p = model.prepare(in);
      Flux2Conditioning c = p.conditioning();
      assertThat(c.temb()).isCloseTo(Functional.silu(f.tensor("step0.temb")), TOLERANCE);
      assertThat(c.image()).isCloseTo(f.tensor("step0.mod_img"), TOLERANCE);
      assertThat(c.text()).isCloseTo(f.tensor("step0.mod_txt"), TOLERANCE);
      assertThat(c.single()).isCloseTo(f.tensor("step0.mod_single"), TOLERANCE);
      assertThat(p.streams().hidden()).isCloseTo(f.tensor("step0.x_embedder"), TOLERANCE);
      assertThat(p.streams().encoder()).isCloseTo(f.tensor("step0.context_embedder"), TOLERANCE);
      Streams s = p.streams();
      BlockGroup<Flux2Conditioning> doubles = model.groups().get(0);
      for (int i = 0; i < doubles.blocks().size(); i++) {
        s = doubles.blocks().get(i).forward(s, c);
        String key = "step0.double." + i;
        assertThat(s.hidden()).as(key).isCloseTo(f.tensor(key + ".hidden"), TOLERANCE);
        assertThat(s.encoder()).as(key).isCloseTo(f.tensor(key + ".encoder"), TOLERANCE);
      }
      BlockGroup<Flux2Conditioning> singles = model.groups().get(1);
      s = model.enter(singles, s);
      for (int i = 0; i < singles.blocks().size(); i++) {
        s = singles.blocks().get(i).forward(s, c);
        String key = "step0.single." + i;
        assertThat(s.hidden()).as(key).isCloseTo(f.tensor(key), TOLERANCE);
      }
      assertThat(model.finish(s, c)).isCloseTo(f.tensor("transformer_out.step0"), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void positionsEqualTheReferences(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      Flux2Transformer model = model(f, weights);
      int[] axes = model.config().axesDimsRope();
      int tokens = (int) f.tensor("text_ids").size(1);
      // A picture of 80 x 64 pixels, which edit.image_latent_ids are of.
      RotaryTable rotary = model.rotary(tokens, List.of(GRID.get(0), new Grid(4, 5)));
      assertThat(rotary.cos().narrow(0, 0, tokens)).isCloseTo(f.tensor("step0.rope_txt.cos"), 1e-6);
      assertThat(rotary.sin().narrow(0, 0, tokens)).isCloseTo(f.tensor("step0.rope_txt.sin"), 1e-6);
      assertThat(rotary.cos().narrow(0, tokens, 24))
          .isCloseTo(f.tensor("step0.rope_img.cos"), 1e-6);
      assertThat(rotary.sin().narrow(0, tokens, 24))
          .isCloseTo(f.tensor("step0.rope_img.sin"), 1e-6);
      RotaryTable picture =
          RotaryTable.of(
              ids(f.tensor("edit.image_latent_ids")),
              axes,
              model.config().ropeTheta(),
              rotary.cos().device());
      assertThat(rotary.cos().narrow(0, tokens + 24, 20)).isCloseTo(picture.cos(), 1e-6);
      assertThat(rotary.sin().narrow(0, tokens + 24, 20)).isCloseTo(picture.sin(), 1e-6);
    }
  }

  private static int[][] ids(Tensor stored) {
    double[] flat = stored.toDoubles();
    int[][] ids = new int[flat.length / 4][4];
    for (int i = 0; i < flat.length; i++) {
      ids[i / 4][i % 4] = (int) flat[i];
    }
    return ids;
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void rowsOfABatchAreIndependent(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      Flux2Transformer model = model(f, weights);
      Tensor text = f.tensor("batch2.in.encoder_hidden_states");
      Flux2Inputs in =
          new Flux2Inputs(
              f.tensor("batch2.in.hidden_states"),
              null,
              text,
              f.tensor("batch2.in.timestep"),
              f.has("batch2.in.guidance") ? f.tensor("batch2.in.guidance") : null,
              model.rotary((int) text.size(1), GRID));
      assertThat(model.forward(in, BlockRunner.direct()))
          .isCloseTo(f.tensor("batch2.out"), TOLERANCE);
    }
  }

  private static Flux2Transformer model(Fixture f, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new Flux2Transformer(
                Flux2Config.read(f.config("transformer")),
                w,
                LinearFactory.dense(),
                new FusedAttention(),
                SequenceParallel.none()));
  }
}
