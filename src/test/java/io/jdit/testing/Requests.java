package io.jdit.testing;

import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.DoubleNode;

/** Requests of tests. */
public final class Requests {
  private Requests() {}

  /** What a fixture's call was made with; keys of diffusers that are no parameters are left out. */
  public static Values of(JsonNode call) {
    Values values = Values.of(RequestKeys.TRUE_CFG_SCALE, 1.0); // diffusers' default
    for (var e : call.properties()) {
      Key<?> key = RequestKeys.ALL.find(e.getKey());
      if (key != null && !e.getValue().isNull()) {
        values = with(values, key, e.getValue());
      }
    }
    return values;
  }

  /**
   * What a fixture was called with, and what a run of it has different.
   *
   * @param run its {@code override} or {@code call_override}, if it has one
   */
  public static Values of(Fixture f, JsonNode run) {
    Values values = Values.of(RequestKeys.SEED, f.json().path("seed").longValue());
    for (JsonNode call :
        new JsonNode[] {f.json().path("call"), run.path("override"), run.path("call_override")}) {
      for (var e : call.properties()) {
        Key<?> key = RequestKeys.ALL.find(e.getKey());
        if (key != null && e.getValue().isNull()) {
          values = values.with(key, null);
        } else if (key != null) {
          values = with(values, key, e.getValue());
        }
      }
    }
    return values;
  }

  private static <T> Values with(Values values, Key<T> key, JsonNode value) {
    // A switch of the reference that is a number here: true is 1.
    JsonNode read =
        key == RequestKeys.CFG_NORMALIZATION ? DoubleNode.valueOf(value.asDouble(1)) : value;
    return values.with(key, key.type().read(read, key.name()));
  }

  /** A small request for the tiny pipelines. */
  public static Values small(String prompt, int height, int width, int steps, int tokens) {
    return Values.of(RequestKeys.PROMPT, prompt)
        .with(RequestKeys.HEIGHT, height)
        .with(RequestKeys.WIDTH, width)
        .with(RequestKeys.NUM_INFERENCE_STEPS, steps)
        .with(RequestKeys.MAX_SEQUENCE_LENGTH, tokens)
        .with(RequestKeys.SEED, 0L);
  }
}
