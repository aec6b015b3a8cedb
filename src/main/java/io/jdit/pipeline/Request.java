package io.jdit.pipeline;

import io.jdit.config.Key;
import io.jdit.config.Values;
import java.math.BigInteger;
import java.util.List;

/**
 * A request with every default of the model filled in, and checked: what is really run.
 *
 * @param values every parameter that the model takes; null only where that has a meaning
 * @param notes what the user should know, for example a parameter without effect
 */
public record Request(Values values, List<String> notes) {
  public Request {
    notes = List.copyOf(notes);
  }

  public <T> T get(Key<T> key) {
    return values.get(key);
  }

  public String prompt() {
    return get(RequestKeys.PROMPT);
  }

  public int height() {
    return get(RequestKeys.HEIGHT);
  }

  public int width() {
    return get(RequestKeys.WIDTH);
  }

  public int steps() {
    return get(RequestKeys.NUM_INFERENCE_STEPS);
  }

  /** Pictures or videos of this request. */
  public int outputs() {
    return get(RequestKeys.NUM_OUTPUTS_PER_PROMPT);
  }

  /** As given: the generator takes its lower 64 bits. */
  public BigInteger seed() {
    return get(RequestKeys.SEED);
  }
}
