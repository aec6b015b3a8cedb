package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TensorScopeTest {
  @Test
  void closesWhatWasNotKept() {
    long before = LeakDetector.live();
    Tensor kept;
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = Tensor.of(new float[] {1, 2, 3});
      kept = scope.keep(a.mul(2).add(a));
      assertThat(LeakDetector.live() - before).isEqualTo(3);
    }
    assertThat(LeakDetector.live() - before).isEqualTo(1);
    assertThat(kept.toFloats()).containsExactly(3, 6, 9);
    kept.close();
    assertThat(LeakDetector.live()).isEqualTo(before);
  }

  @Test
  void keepMovesToTheEnclosingScope() {
    long before = LeakDetector.live();
    try (TensorScope outer = TensorScope.open()) {
      Tensor t;
      try (TensorScope inner = TensorScope.open()) {
        t = inner.keep(Tensor.zeros(DType.FLOAT32, Device.CPU, 2));
      }
      assertThat(t.isClosed()).isFalse();
    }
    assertThat(LeakDetector.live()).isEqualTo(before);
  }

  @Test
  void unboundScopeOwnsWhatItAdopts() {
    long before = LeakDetector.live();
    TensorScope weights = TensorScope.unbound();
    try (TensorScope scope = TensorScope.open()) {
      weights.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, 8));
    }
    assertThat(LeakDetector.live()).isEqualTo(before + 1);
    assertThat(weights.bytes()).isEqualTo(32);
    weights.close();
    assertThat(LeakDetector.live()).isEqualTo(before);
  }

  @Test
  void useAfterCloseNamesTheTensorAndTheWayOut() {
    Tensor t = Tensor.zeros(DType.BFLOAT16, Device.CPU, 2, 3);
    t.close();
    t.close();
    assertThatThrownBy(t::neg).hasMessageContaining("[2, 3]").hasMessageContaining("keep()");
  }

  @Test
  void outOfOrderCloseIsRefused() {
    TensorScope outer = TensorScope.open();
    TensorScope inner = TensorScope.open();
    assertThatThrownBy(outer::close).hasMessageContaining("out of order");
    inner.close();
    outer.close();
  }

  @Test
  void noiseEqualsTorchInPython() {
    // torch.randn(4, generator=torch.Generator("cpu").manual_seed(42)), printed by Python
    try (Generator g = new Generator(42);
        Tensor t = g.randn(DType.FLOAT32, 4)) {
      assertThat(t.toFloats())
          .containsExactly(
              0.33669036626815796f,
              0.12880940735340118f,
              0.23446236550807953f,
              0.23033303022384644f);
    }
  }
}
