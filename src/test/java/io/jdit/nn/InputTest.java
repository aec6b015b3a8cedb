package io.jdit.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
final class InputTest {
  @Test
  void oneTensorIsReadAsItIs() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(new float[] {1, -2, 3, -4}, 2, 2);
      assertThat(Input.of(x).tensor()).isSameAs(x);
      assertThat(Input.of(x).shape()).containsExactly(2, 2);
    }
  }

  @Test
  void twoTensorsStandSideBySideWithGeluOfTheSecond() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor before = Tensor.of(new float[] {1, -2}, 2, 1);
      Tensor x = Tensor.of(new float[] {1, -2, 3, -4}, 2, 2);
      Input input = Input.geluTanhOf(x).behind(before);
      Tensor expected = Tensor.cat(-1, before, Kernels.geluTanh(x));
      assertThat(input.shape()).containsExactly(2, 3);
      assertThat(input.tensor().equalTo(expected)).isTrue();
      assertThat(input.apply(t -> t.mul(2)).equalTo(expected.mul(2))).isTrue();
      assertThat(Tensor.cat(-1, input.parts()).equalTo(expected)).isTrue();
      assertThatThrownBy(() -> input.behind(before))
          .hasMessage("an Input stands in two tensors at most");
    }
  }

  /** They are made inside of the layer that asks first, and used by the next one. */
  @Test
  void codesLiveAsLongAsTheScopeOfTheInput() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(new float[] {1, -2, 3, -4}, 2, 2);
      Codes codes;
      try (TensorScope block = TensorScope.open()) {
        Input input = Input.of(x);
        try (TensorScope layer = TensorScope.open()) {
          codes = input.codes(DType.INT8, false);
        }
        assertThat(input.codes(DType.INT8, false)).isSameAs(codes);
        assertThat(codes.codes().isClosed()).isFalse();
        assertThat(codes.scale().isClosed()).isFalse();
        assertThat(input.codes(DType.INT8, true)).isNotSameAs(codes);
        assertThat(input.codes(DType.FLOAT8_E4M3, false)).isNotSameAs(codes);
      }
      assertThat(codes.codes().isClosed()).isTrue();
      assertThat(codes.scale().isClosed()).isTrue();
    }
  }

  @Test
  void isMadeInsideOfAScope() {
    CompletableFuture<Input> elsewhere = // scopes are of a thread
        CompletableFuture.supplyAsync(
            () -> {
              try (Tensor x = Tensor.of(new float[] {1}, 1, 1)) {
                return Input.of(x);
              }
            },
            work -> new Thread(work).start());
    assertThatThrownBy(elsewhere::join).hasCauseInstanceOf(IllegalStateException.class);
  }
}
