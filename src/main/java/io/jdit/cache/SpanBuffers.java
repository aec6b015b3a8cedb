package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.transformer.ForwardPattern;
import io.jdit.transformer.Streams;
import java.util.Arrays;
import java.util.stream.Stream;

/** All buffers of one span of skippable blocks in one branch. */
final class SpanBuffers implements AutoCloseable {
  private final boolean cachesEncoder;
  private final StreamBuffer hidden;
  private final StreamBuffer encoder;
  private Tensor compared;

  SpanBuffers(CalibratorConfig calibrator, ForwardPattern pattern) {
    cachesEncoder = pattern.returnsEncoder();
    hidden = StreamBuffer.ofHidden(calibrator);
    encoder = StreamBuffer.ofEncoder(calibrator);
  }

  void mark() {
    hidden.mark();
    encoder.mark();
  }

  /** What the last computed call compared, borrowed; null when there was none. */
  Tensor compared() {
    return compared;
  }

  /** True when what was compared last has the shape of {@code x}. */
  boolean comparesWith(Tensor x) {
    return compared != null && Arrays.equals(compared.shape(), x.shape());
  }

  /**
   * How far {@code current} is from what the last computed call compared.
   *
   * @param sums of the two tensors where they are known already, else null
   */
  Difference difference(Tensor current, Tensor sums, ResidualDiff residualDiff) {
    return new Difference() {
      @Override
      public boolean hasPrevious() {
        return compared != null;
      }

      @Override
      public boolean sameShape() {
        return comparesWith(current);
      }

      @Override
      public double measure() {
        return sums != null
            ? residualDiff.ofSums(sums, compared)
            : residualDiff.between(compared, current);
      }
    };
  }

  /**
   * True when the span can be skipped at all: a static mask or a threshold of 1 may ask for it
   * before anything is buffered, or after the shape changed.
   */
  boolean fit(Streams before) {
    return hidden.fits(before.hidden())
        && (!cachesEncoder
            || before.encoder() == null
            || encoder.isEmpty()
            || encoder.fits(before.encoder()));
  }

  /**
   * Takes what a computed call compared and did; everything is borrowed.
   *
   * @param current what later calls are compared with
   */
  void store(Tensor current, Streams before, Streams after) {
    Calibrator.free(compared);
    compared = Calibrator.own(current);
    hidden.store(before.hidden(), after.hidden());
    if (cachesEncoder && before.encoder() != null && after.encoder() != null) {
      encoder.store(before.encoder(), after.encoder());
    }
  }

  /** The streams after the span without running it. */
  Streams apply(Streams before) {
    Tensor h = hidden.apply(before.hidden());
    boolean restored = cachesEncoder && before.encoder() != null && !encoder.isEmpty();
    return new Streams(h, restored ? encoder.apply(before.encoder()) : before.encoder());
  }

  /** Everything it holds, borrowed; some may be null or share memory. */
  Stream<Tensor> held() {
    return Stream.of(Stream.ofNullable(compared), hidden.held(), encoder.held()).flatMap(s -> s);
  }

  @Override
  public void close() {
    Calibrator.free(compared);
    compared = null;
    hidden.close();
    encoder.close();
  }
}
