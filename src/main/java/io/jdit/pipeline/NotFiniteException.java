package io.jdit.pipeline;

import io.jdit.tensor.Tensor;

/** A stage gave numbers that are not finite: no picture can come of them. */
public final class NotFiniteException extends RuntimeException {
  private NotFiniteException(String message) {
    super(message);
  }

  /**
   * @param stage what made the values, for the message
   * @throws NotFiniteException when one of them is infinite or not a number
   */
  static void require(Tensor values, String stage) {
    if (!values.device().isMeta() && !values.isFinite()) {
      throw new NotFiniteException(
          stage
              + " gave values that are not finite: the weights are damaged, or overflow in "
              + values.dtype().text());
    }
  }
}
