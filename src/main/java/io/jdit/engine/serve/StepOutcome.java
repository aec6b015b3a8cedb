package io.jdit.engine.serve;

/**
 * What a step did for one generation.
 *
 * @param place null when it failed
 * @param failure one line, null when it did not
 */
public record StepOutcome(Place place, String failure) {
  public static StepOutcome at(Place place) {
    return new StepOutcome(place, null);
  }

  public static StepOutcome failed(String reason) {
    return new StepOutcome(null, reason);
  }
}
