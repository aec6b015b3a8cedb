package io.jdit.testing;

import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.TensorScope;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails a test class after which more tensors are alive than before, or a scope is open. */
public final class NoLeaks implements BeforeAllCallback, AfterAllCallback {
  private long before;

  @Override
  public void beforeAll(ExtensionContext context) {
    before = LeakDetector.live();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    Assertions.assertThat(LeakDetector.live() - before)
        .as("tensors left alive: %s", LeakDetector.report(3))
        .isZero();
    Assertions.assertThat(TensorScope.innermost()).as("scope left open on this thread").isNull();
  }
}
