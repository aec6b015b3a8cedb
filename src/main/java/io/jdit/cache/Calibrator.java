package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.stream.Stream;

/**
 * Forecasts one stream of skipped blocks from its computed values. A call {@code mark}s first, then
 * either {@code update}s or asks for a {@code forecast}. A calibrator is made by the first computed
 * call, after that call's mark: its counter therefore lags one behind the call index.
 *
 * <p>Arithmetic is in the dtype of the values, one rounding per operation. A calibrator owns its
 * tensors and keeps none that it is given.
 */
public sealed interface Calibrator extends AutoCloseable permits TaylorSeer, FoCa, Dmd {
  /** A new call of this stream's branch. */
  void mark();

  /**
   * Takes the value of a computed call, {@code after - before}.
   *
   * @param before null when {@code after} is the value itself
   */
  void update(Tensor after, Tensor before);

  /**
   * The value for a skipped call, plus {@code base}; a new tensor that shares no memory.
   *
   * @param base null for none
   * @throws IllegalStateException before the first update
   */
  Tensor forecast(Tensor base);

  /** The newest computed value, borrowed; null before the first update. */
  Tensor newest();

  /** The tensors of the state, borrowed; some may be null or share memory. */
  Stream<Tensor> held();

  /** Forgets everything; the next mark starts at 0. */
  void reset();

  @Override
  default void close() {
    reset();
  }

  static Calibrator of(CalibratorConfig config) {
    if (config instanceof CalibratorConfig.TaylorSeer taylorSeer) {
      return new TaylorSeer(taylorSeer.order());
    }
    if (config instanceof CalibratorConfig.FoCa) {
      return new FoCa();
    }
    return new Dmd((CalibratorConfig.Dmd) config);
  }

  /** A handle of {@code value} that no scope closes. */
  static Tensor own(Tensor value) {
    return TensorScope.detach(value.alias());
  }

  /** The value as a tensor of its own that no scope closes. */
  static Tensor value(Tensor after, Tensor before) {
    return TensorScope.detach(before == null ? after.copy() : after.sub(before));
  }

  /** Value plus base, as a new tensor. */
  static Tensor plus(Tensor value, Tensor base) {
    return base == null ? value.copy() : value.add(base);
  }

  /** Closes {@code value} unless it is null. */
  static void free(Tensor value) {
    if (value != null) {
      value.close();
    }
  }

  /** The error of a forecast without any computed value. */
  static IllegalStateException nothingToForecastFrom() {
    return new IllegalStateException("forecast before the first computed value");
  }
}
