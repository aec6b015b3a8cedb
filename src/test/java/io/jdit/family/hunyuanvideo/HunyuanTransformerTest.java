package io.jdit.family.hunyuanvideo;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class HunyuanTransformerTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void everyBlockOfTheFirstStepEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanTransformer model = model(f, weights);
      for (String branch : List.of("cond", "uncond")) {
        HunyuanInputs in = inputs(f, model, branch);
        long video = f.tensor("rope_cos").size(0);
        assertThat(in.rotary().cos().narrow(0, 0, video)).isCloseTo(f.tensor("rope_cos"), 1e-6);
        assertThat(in.rotary().sin().narrow(0, 0, video)).isCloseTo(f.tensor("rope_sin"), 1e-6);
        DiffusionTransformer.Prepared<HunyuanConditioning> p = model.prepare(in);
        assertThat(p.conditioning().temb())
            .isCloseTo(Functional.silu(f.tensor("transformer.temb." + branch)), TOLERANCE);
        Streams s = p.streams();
        assertThat(s.encoder())
            .isCloseTo(f.tensor("transformer.refined_text." + branch), TOLERANCE);
        if (f.has("transformer.x_embedder." + branch)) {
          assertThat(s.hidden()).isCloseTo(f.tensor("transformer.x_embedder." + branch), TOLERANCE);
        }
        String[] names = {"double", "single"};
        for (int g = 0; g < 2; g++) {
          BlockGroup<HunyuanConditioning> group = model.groups().get(g);
          String name = "transformer." + names[g];
          for (int i = 0; i < group.blocks().size(); i++) {
            Block<HunyuanConditioning> block = group.blocks().get(i);
            s = block.forward(s, p.conditioning());
            if (f.has(name + "." + branch)) {
              assertThat(s.hidden().select(0, 0))
                  .as("%s %d", name, i)
                  .isCloseTo(f.tensor(name + "." + branch).select(0, i), TOLERANCE);
              assertThat(s.encoder().select(0, 0))
                  .as("%s text %d", name, i)
                  .isCloseTo(f.tensor(name + "_text." + branch).select(0, i), TOLERANCE);
            }
          }
        }
        assertThat(model.finish(s, p.conditioning()))
            .isCloseTo(f.tensor("transformer.out." + branch), TOLERANCE);
      }
    }
  }

  /** Whatever stands after the text changes nothing, and neither does its absence. */
  @Test
  void paddingIsNoKey() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanTransformer model = model(f, weights);
      HunyuanInputs in = inputs(f, model, "cond");
      int n = in.textLengths()[0];
      Tensor text = in.promptEmbeds().narrow(1, 0, n);
      for (int padding : new int[] {0, 1, 9}) {
        Tensor noise = Tensor.full(7, DType.FLOAT32, Device.CPU, 1, padding, text.size(2));
        HunyuanInputs other =
            new HunyuanInputs(
                in.latents(),
                in.timestep(),
                in.guidance(),
                Tensor.cat(1, text, noise),
                in.textLengths(),
                in.pooledPromptEmbeds(),
                model.rotary(4, 2, 2, n + padding));
        assertThat(model.forward(other, BlockRunner.direct()))
            .as("padding of %d", padding)
            .isCloseTo(f.tensor("transformer.out.cond"), TOLERANCE);
      }
    }
  }

  /** Texts of 21 and 23 tokens in one batch: each row gives what it gives alone. */
  @Test
  void rowsOfABatchAreIndependent() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanTransformer model = model(f, weights);
      HunyuanInputs a = inputs(f, model, "cond");
      HunyuanInputs b = inputs(f, model, "uncond");
      Tensor both =
          model.forward(
              new HunyuanInputs(
                  Tensor.cat(0, a.latents(), b.latents()),
                  Tensor.cat(0, a.timestep(), b.timestep()),
                  Tensor.cat(0, a.guidance(), b.guidance()),
                  Tensor.cat(0, a.promptEmbeds(), b.promptEmbeds()),
                  new int[] {a.textLengths()[0], b.textLengths()[0]},
                  Tensor.cat(0, a.pooledPromptEmbeds(), b.pooledPromptEmbeds()),
                  a.rotary()),
              BlockRunner.direct());
      assertThat(both.narrow(0, 0, 1)).isCloseTo(f.tensor("transformer.out.cond"), TOLERANCE);
      assertThat(both.narrow(0, 1, 1)).isCloseTo(f.tensor("transformer.out.uncond"), TOLERANCE);
    }
  }

  static HunyuanTransformer model(Fixture f, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new HunyuanTransformer(
                HunyuanConfig.read(f.config("transformer")),
                w,
                LinearFactory.dense(),
                new FusedAttention(),
                SequenceParallel.none()));
  }

  /** What the reference called the transformer with at its first step. */
  private static HunyuanInputs inputs(Fixture f, HunyuanTransformer model, String branch) {
    String prefix = branch.equals("cond") ? "" : "negative_";
    Tensor latents = f.tensor("latents_init");
    Tensor mask = f.tensor(prefix + "prompt_embeds_mask");
    return new HunyuanInputs(
        latents,
        Tensor.of(new float[] {1000}, 1),
        Tensor.of(new float[] {6}, 1),
        f.tensor(prefix + "prompt_embeds"),
        new int[] {(int) mask.sum().item()},
        f.tensor(prefix + "pooled_prompt_embeds"),
        model.rotary(
            (int) latents.size(2),
            (int) latents.size(3) / 2,
            (int) latents.size(4) / 2,
            (int) mask.size(1)));
  }
}
