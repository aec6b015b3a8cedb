package io.jdit.cache.forecast;

import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Forecast;
import java.util.List;

/**
 * Repeats a recorded run up to one step, which takes the velocities of the step before it; computes
 * the steps after it.
 *
 * @param stale that step
 */
record StaleStep(Velocities recorded, int stale) implements Acceleration {
  @Override
  public Forecast forecast(Call call) {
    int step = call.step();
    return step > stale
        ? null
        : new Forecast(
            List.of(recorded.get(call.branch(), step == stale ? step - 1 : step)), List.of(1.0));
  }

  @Override
  public BlockRunner runner() {
    return BlockRunner.direct();
  }

  @Override
  public void close() {
    // The record is the calibration's.
  }
}
