package io.jdit.cache;

import io.jdit.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.Stream;

/** What skippable blocks did to one stream, last time or by forecast. Owns its tensors. */
final class StreamBuffer implements AutoCloseable {
  private final CalibratorConfig forecast;
  private final BufferKind kind;
  private Tensor plain;
  private Calibrator calibrator;

  /**
   * @param forecast null for plain reuse
   */
  private StreamBuffer(CalibratorConfig forecast) {
    this.forecast = forecast;
    this.kind = forecast == null ? BufferKind.RESIDUAL : forecast.coverage().kind();
  }

  static StreamBuffer ofHidden(CalibratorConfig config) {
    return new StreamBuffer(config != null && config.coverage().hidden() ? config : null);
  }

  static StreamBuffer ofEncoder(CalibratorConfig config) {
    return new StreamBuffer(config != null && config.coverage().encoder() ? config : null);
  }

  /** A new call of this branch. */
  void mark() {
    if (calibrator != null) {
      calibrator.mark();
    }
  }

  boolean isEmpty() {
    return newest() == null;
  }

  /** True when something is buffered that fits the stream {@code fresh}. */
  boolean fits(Tensor fresh) {
    return !isEmpty() && Arrays.equals(newest().shape(), fresh.shape());
  }

  private Tensor newest() {
    return calibrator != null ? calibrator.newest() : plain;
  }

  /** Takes the stream before and after the blocks, both borrowed. */
  void store(Tensor before, Tensor after) {
    Tensor subtracted = kind == BufferKind.RESIDUAL ? before : null;
    if (forecast == null) {
      Calibrator.free(plain);
      plain = Calibrator.value(after, subtracted);
    } else {
      if (calibrator == null) {
        calibrator = Calibrator.of(forecast);
      }
      calibrator.update(after, subtracted);
    }
  }

  /** The stream after the blocks, made from the one before them; a new tensor. */
  Tensor apply(Tensor fresh) {
    Tensor base = kind == BufferKind.RESIDUAL ? fresh : null;
    return calibrator != null ? calibrator.forecast(base) : Calibrator.plus(plain, base);
  }

  /** Everything it holds, borrowed; some may be null or share memory. */
  Stream<Tensor> held() {
    return calibrator != null ? calibrator.held() : Stream.ofNullable(plain);
  }

  @Override
  public void close() {
    Calibrator.free(plain);
    plain = null;
    if (calibrator != null) {
      calibrator.close();
      calibrator = null;
    }
  }
}
