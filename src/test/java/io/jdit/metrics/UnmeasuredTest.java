package io.jdit.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class UnmeasuredTest {
  private static final long PAUSE = 200;

  private static Void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(PAUSE);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return null;
  }

  @Test
  void stagesAndStepsLeaveItOut() throws Exception {
    StageReport report = new StageReport();
    report.measure(
        "denoise",
        () -> {
          report.step(() -> Unmeasured.run(UnmeasuredTest::pause));
          report.step(UnmeasuredTest::pause);
          return null;
        });
    assertThat(report.denoiseSteps().get(0)).isLessThan(PAUSE);
    assertThat(report.denoiseSteps().get(1)).isGreaterThanOrEqualTo(PAUSE);
    assertThat(report.totalMilliseconds()).isBetween((double) PAUSE, 2.0 * PAUSE);
  }
}
