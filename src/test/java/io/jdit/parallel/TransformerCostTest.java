package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.attention.HeadProjections.Shape;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.SequenceParallel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A transformer of another make than FLUX.1: what is counted, and what a plan makes of it. */
@ExtendWith(NoLeaks.class)
class TransformerCostTest {
  private static final int D = 64;
  private static final int TOKENS = 30;
  private static final int TEXT = 8;
  private static final Names WIDE = new Names("to_q", "to_k", "to_v", "norm_q", "norm_k");

  /** Wan's block: norms across heads, self attention over the video, cross attention to text. */
  private static Tensor block(Weights w, TransformerMeter meter) {
    SequenceParallel.Cut cut =
        meter.sequence().cut(1, Tensor.empty(DType.BFLOAT16, Device.META, 1, TOKENS, D));
    Tensor x = cut.parts().get(0);
    Tensor text = Tensor.empty(DType.BFLOAT16, Device.META, 1, TEXT, D);
    Shape shape = new Shape(D, 4, 16, true, 1e-6);
    HeadProjections self = HeadProjections.acrossHeads(w.at("attn1"), meter.linears(), shape, WIDE);
    HeadProjections cross =
        HeadProjections.acrossHeads(w.at("attn2"), meter.linears(), shape, WIDE);
    Linear selfOut = meter.linears().row(w.at("attn1.to_out.0"), D, D, true);
    Linear crossOut = meter.linears().row(w.at("attn2.to_out.0"), D, D, true);
    Tensor o = HeadProjections.attend(meter.attention(), cut.tokens(), null, self.of(x)).await();
    x = x.add(selfOut.forward(o.flatten(2, 3)));
    o =
        meter
            .attention()
            .local()
            .forward(cross.query(x), cross.key(text), cross.value(text), Tokens.here());
    x = x.add(crossOut.forward(o.flatten(2, 3)));
    return meter.sequence().join(x, 1, TOKENS);
  }

  @Test
  void roleAndTokensOfEveryLayer() {
    TransformerCost cost = TransformerCost.measure(TransformerCostTest::block);
    assertThat(cost.weights()).isEqualTo(8L * (D * D + D) + 4 * D);
    assertThat(cost.replicatedWeights()).as("biases of row layers").isEqualTo(2 * D);
    assertThat(cost.heads()).isEqualTo(4);
    assertThat(cost.streams()).containsExactly((long) TOKENS);
    assertThat(cost.attentions()).hasSize(2);
    assertThat(cost.attentions().get(1).local()).isTrue();
    assertThat(cost.attentions().get(1).keys()).isEqualTo(TEXT);
    assertThat(cost.joins()).containsExactly(new TransformerCost.Join(TOKENS, (long) TOKENS * D));
  }

  @Test
  void everythingIsMovedOnce() {
    TransformerCost cost = TransformerCost.measure(TransformerCostTest::block);
    double layers = 8.0 * D * D + (6.0 * TOKENS + 2 * TEXT) * D;
    double attentions = 2.0 * (TOKENS + TOKENS) * D + 2.0 * (TOKENS + TEXT) * D;
    assertThat(cost.moved()).isEqualTo(layers + attentions);
  }

  @Test
  void aPlanSharesOutTokensAndNotTheText() {
    TransformerCost cost = TransformerCost.measure(TransformerCostTest::block);
    PlanRequest request = new PlanRequest(cost, 1, 1, DType.BFLOAT16, 0, 1, 1);
    LayoutPlan whole = LayoutPlan.of(ParallelConfig.single(), request);
    LayoutPlan ring = LayoutPlan.of(ParallelConfig.of(new Mesh(1, 1, 4, 1, 1)), request);
    // 8 of 30 tokens: five layers and both attentions over them, two layers over the text.
    double layer = 2.0 * D * D;
    double pairs = 4.0 * D;
    double flops = 30 * 6 * layer + TEXT * 2 * layer + pairs * (30 * 30 + 30 * TEXT);
    assertThat(cost.flops()).isCloseTo(flops, within(1.0));
    assertThat(whole.computeMillis() * 1e9).isCloseTo(flops, within(1.0));
    assertThat(ring.computeMillis() * 1e9)
        .isCloseTo(8 * 6 * layer + TEXT * 2 * layer + pairs * (8 * 30 + 8 * TEXT), within(1.0));
    // Keys and values of parts of 8, 7 and 7 tokens... and the cross attention sends nothing.
    assertThat(ring.bytesPerStep(Collective.POINT_TO_POINT)).isEqualTo(2L * (8 + 7 + 7) * D * 2);
    LayoutPlan tensor = LayoutPlan.of(ParallelConfig.of(new Mesh(1, 1, 1, 1, 2)), request);
    long norms = (3 * TOKENS + TEXT) * 4;
    assertThat(tensor.bytesPerStep(Collective.ALL_REDUCE)).isEqualTo(2L * TOKENS * D * 2 + norms);
  }

  @Test
  void weightsOfAPartWithoutAForwardPass() {
    TransformerMeter meter = new TransformerMeter();
    try (TensorScope scope = TensorScope.open();
        MetaWeights source = new MetaWeights()) {
      Weights w = new Weights(source, DType.BFLOAT16, Device.META, scope);
      meter.linears().column(w.at("q"), D, 2 * D, true);
      meter.linears().row(w.at("o"), 2 * D, D, true);
      assertThat(meter.held(source.elements(), 1)).isEqualTo(source.elements());
      assertThat(meter.held(source.elements(), 4)).isEqualTo(D * D + D / 2 + D);
    }
  }

  @Test
  void withoutAnAttentionThereIsNothingToShare() {
    assertThatThrownBy(
            () ->
                TransformerCost.measure((w, meter) -> Tensor.empty(DType.FLOAT32, Device.META, 1)))
        .hasMessageContaining("no attention over its tokens");
  }

  /** Every kernel has a twin that takes tensors without data. */
  @Test
  void kernelsOnMeta() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.empty(DType.BFLOAT16, Device.META, 1, 5, D);
      Tensor row = Tensor.empty(DType.BFLOAT16, Device.META, 1, D);
      Tensor heads = x.view(1, 5, 4, 16);
      assertThat(Kernels.layerNormModulate(x, row, row, 1e-6).shape()).containsExactly(1, 5, D);
      assertThat(Kernels.gatedResidual(x, row, x).shape()).containsExactly(1, 5, D);
      assertThat(Kernels.geluTanh(x).shape()).containsExactly(1, 5, D);
      assertThat(Kernels.rmsNormRope(heads, null, 0, null, null).shape())
          .containsExactly(1, 5, 4, 16);
      assertThat(AttentionKernels.attention(heads, heads, heads, 1, false).shape())
          .containsExactly(1, 5, 4, 16);
    }
  }
}
