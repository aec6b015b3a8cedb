package io.jdit.nn;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SyntheticWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.InstructionSets;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith({InstructionSets.class, NoLeaks.class})
class PanelLinearTest {
  private static final int IN = 96;
  private static final int OUT = 130;

  /** Whole layers and shards of outputs and inputs against float32. */
  @ParameterizedTest
  @CsvSource({"0, 1", "0, 2", "1, 3"})
  void computesWhatADenseLayerDoes(int dim, int ranks) {
    InstructionSets.use("avx2");
    try (SyntheticWeights source = new SyntheticWeights(1);
        SyntheticWeights same = new SyntheticWeights(1);
        TensorScope owner = TensorScope.unbound();
        TensorScope scope = TensorScope.open();
        Generator numbers = new Generator(2)) {
      Weights w = new Weights(source, DType.BFLOAT16, Device.CPU, owner).cut(dim, ranks - 1, ranks);
      PanelLinear layer = new PanelLinear(w, IN, OUT, true);
      Weights again = w.of(same, Device.CPU, owner);
      Tensor weight = again.get("weight", OUT, IN).to(DType.FLOAT32);
      Tensor bias = again.get("bias", OUT).to(DType.FLOAT32);
      assertThat(new int[] {layer.outFeatures(), layer.inFeatures()})
          .containsExactly((int) weight.size(0), (int) weight.size(1));
      Tensor x = numbers.randn(DType.FLOAT32, 2, 5, weight.size(1)).to(DType.BFLOAT16);
      Tensor expected = Functional.linear(x.to(DType.FLOAT32), weight, bias);
      TensorAssert.assertThat(layer.forward(x).to(DType.FLOAT32)).isCloseTo(expected, 0x1p-8);
      TensorAssert.assertThat(layer.forwardGeluTanh(Input.of(x)).to(DType.FLOAT32))
          .isCloseTo(Kernels.geluTanh(expected), 0x1p-7);
    }
  }
}
