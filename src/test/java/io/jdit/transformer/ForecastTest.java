package io.jdit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ForecastTest {
  /** Linear extrapolation with a slope of a half: 1.5 newest - 0.5 older. */
  @Test
  void theValueIsTheWeightedSum() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor newest = Tensor.of(new float[] {2, 4}, 2);
      Tensor older = Tensor.of(new float[] {1, 8}, 2);
      Forecast forecast = new Forecast(List.of(newest, older), List.of(1.5, -0.5));
      assertThat(forecast.value().toFloats()).containsExactly(2.5f, 2f);
    }
  }

  @Test
  void everyOutputHasAWeight() {
    assertThatThrownBy(() -> new Forecast(List.of(), List.of()))
        .hasMessage("0 outputs with 0 weights");
  }
}
