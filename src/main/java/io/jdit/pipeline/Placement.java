package io.jdit.pipeline;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorSource;
import io.jdit.tensor.Device;

/** When a component of a model is in memory. */
public interface Placement {
  /** Whether it is built together with the model, else when it is first needed. */
  boolean atOnce(String component);

  /** Whether it stays when the stage that uses it is over. */
  boolean keeps(String component);

  /**
   * When the modules of a component's lists are in memory while it is.
   *
   * @param source of its weights, open until the residency is closed
   * @param device that it computes on
   */
  default Residency residency(String component, TensorSource source, Device device) {
    return Residency.whole();
  }

  /** Everything is built at once and stays. */
  static Placement resident() {
    return of(true);
  }

  /** Everything is built when it is needed, and let go after its stage. */
  static Placement onDemand() {
    return of(false);
  }

  private static Placement of(boolean resident) {
    return new Placement() {
      @Override
      public boolean atOnce(String component) {
        return resident;
      }

      @Override
      public boolean keeps(String component) {
        return resident;
      }
    };
  }
}
