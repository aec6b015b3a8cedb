package io.jdit.family.wan;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(NoLeaks.class)
class WanTransformerTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-tiny, transformer, 999",
    "wan22-t2v-tiny, transformer, 999",
    "wan22-t2v-tiny, transformer_2, 865",
    "wan22-ti2v-tiny, transformer, 999",
    "wan21-i2v-tiny, transformer, 1000"
  })
  void everyBlockOfTheFirstStepEqualsTheReference(String name, String expert, float timestep) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      WanTransformer model = model(f, expert, weights);
      for (String branch : List.of("cond", "uncond")) {
        WanInputs in = inputs(f, model, expert, timestep, branch);
        assertThat(in.rotary().cos()).isCloseTo(table(f, "rope_cos"), 1e-6);
        assertThat(in.rotary().sin()).isCloseTo(table(f, "rope_sin"), 1e-6);
        DiffusionTransformer.Prepared<WanConditioning> p = model.prepare(in);
        if (f.has(expert + ".patch_embedding." + branch)) {
          Tensor embedded = f.tensor(expert + ".patch_embedding." + branch);
          assertThat(p.streams().hidden())
              .isCloseTo(embedded.flatten(2, 4).transpose(1, 2), TOLERANCE);
        }
        requireContext(f, expert, branch, p);
        requireTimes(f, expert, p.conditioning());
        Streams s = p.streams();
        List<Block<WanConditioning>> blocks = model.groups().get(0).blocks();
        Tensor expected = f.tensor(expert + ".blocks." + branch);
        for (int i = 0; i < blocks.size(); i++) {
          s = blocks.get(i).forward(s, p.conditioning());
          assertThat(s.hidden().select(0, 0))
              .as("%s block %d", branch, i)
              .isCloseTo(expected.select(0, i), TOLERANCE);
        }
        assertThat(model.finish(s, p.conditioning()))
            .isCloseTo(f.tensor(expert + ".out." + branch), TOLERANCE);
      }
    }
  }

  private static Tensor table(Fixture f, String name) {
    return f.tensor(name).squeeze(2).squeeze(0);
  }

  private static void requireContext(
      Fixture f, String expert, String branch, DiffusionTransformer.Prepared<WanConditioning> p) {
    Tensor context = p.streams().encoder();
    long pictures = p.conditioning().pictureTokens();
    assertThat(context.narrow(1, pictures, context.size(1) - pictures))
        .isCloseTo(f.tensor(expert + ".text_proj." + branch), TOLERANCE);
    if (f.has(expert + ".image_proj")) {
      assertThat(context.narrow(1, 0, pictures))
          .isCloseTo(f.tensor(expert + ".image_proj"), TOLERANCE);
    }
  }

  /** Where the reference has a row for each token, all of them are equal. */
  private static void requireTimes(Fixture f, String expert, WanConditioning c) {
    Tensor temb = f.tensor(expert + ".temb");
    Tensor timeProj = f.tensor(expert + ".timestep_proj");
    assertThat(c.spans().get(0).temb())
        .isCloseTo(temb.dim() == 2 ? temb : temb.select(1, 5), TOLERANCE);
    assertThat(c.spans().get(0).timeProj().flatten(1, 2))
        .isCloseTo(timeProj.dim() == 2 ? timeProj : timeProj.select(1, 5), TOLERANCE);
  }

  /** Equal timesteps for the first frame and the others are one timestep for all. */
  @Test
  void spansOfOneTimestepAreOne() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan22-ti2v-tiny")) {
      WanTransformer model = model(f, "transformer", weights);
      WanInputs in = inputs(f, model, "transformer", 999, "cond");
      WanInputs split =
          new WanInputs(
              in.latents(), in.timestep(), in.timestep(), in.promptEmbeds(), null, in.rotary());
      assertThat(model.forward(split, BlockRunner.direct()))
          .isCloseTo(f.tensor("transformer.out.cond"), TOLERANCE);
    }
  }

  @Test
  void rowsOfABatchAreIndependent() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan22-ti2v-tiny")) {
      WanTransformer model = model(f, "transformer", weights);
      WanInputs a = inputs(f, model, "transformer", 999, "cond");
      WanInputs b = inputs(f, model, "transformer", 500, "uncond");
      Tensor zero = Tensor.zeros(DType.FLOAT32, Device.CPU, 1);
      WanInputs both =
          new WanInputs(
              Tensor.cat(0, a.latents(), b.latents().mul(0.5)),
              Tensor.cat(0, a.timestep(), b.timestep()),
              Tensor.cat(0, zero, zero),
              Tensor.cat(0, a.promptEmbeds(), b.promptEmbeds()),
              null,
              a.rotary());
      Tensor[] rows = model.forward(both, BlockRunner.direct()).chunk(2, 0);
      WanInputs first =
          new WanInputs(a.latents(), a.timestep(), zero, a.promptEmbeds(), null, a.rotary());
      WanInputs second =
          new WanInputs(
              b.latents().mul(0.5), b.timestep(), zero, b.promptEmbeds(), null, a.rotary());
      assertThat(rows[0]).isCloseTo(model.forward(first, BlockRunner.direct()), 1e-5);
      assertThat(rows[1]).isCloseTo(model.forward(second, BlockRunner.direct()), 1e-5);
    }
  }

  static WanTransformer model(Fixture f, String expert, TensorScope weights) {
    return f.build(
        expert,
        DType.FLOAT32,
        weights,
        w ->
            new WanTransformer(
                WanConfig.read(f.config(expert)),
                w,
                LinearFactory.dense(),
                new FusedAttention(),
                SequenceParallel.none()));
  }

  /** What the reference called the transformer with at its first step. */
  static WanInputs inputs(
      Fixture f, WanTransformer model, String expert, float timestep, String branch) {
    Tensor latents = f.has(expert + ".in") ? f.tensor(expert + ".in") : f.tensor("latents_init");
    boolean pictures = f.has("i2v.condition");
    if (pictures) {
      latents = Tensor.cat(1, latents, f.tensor("i2v.condition"));
    }
    return new WanInputs(
        latents,
        Tensor.full(timestep, DType.FLOAT32, Device.CPU, 1),
        null,
        f.tensor(branch.equals("cond") ? "prompt_embeds" : "negative_prompt_embeds"),
        pictures ? f.tensor("i2v.image_embeds") : null,
        model.rotary((int) latents.size(2), (int) latents.size(3) / 2, (int) latents.size(4) / 2));
  }
}
