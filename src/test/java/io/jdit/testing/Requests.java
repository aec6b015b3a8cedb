package io.jdit.testing;

import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.RequestKeys;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.math.BigInteger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.DoubleNode;

/** Requests of tests. */
public final class Requests {
  private Requests() {}

  /** What a fixture's call was made with; keys of diffusers that are no parameters are left out. */
  public static Values of(JsonNode call) {
    return given(call, Values.of(RequestKeys.TRUE_CFG_SCALE, 1.0)); // diffusers' default
  }

  /** The same for models that have no true_cfg_scale. */
  public static Values given(JsonNode call) {
    return given(call, Values.none());
  }

  private static Values given(JsonNode call, Values defaults) {
    Values values = defaults;
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
    Values values = Values.of(RequestKeys.SEED, f.json().path("seed").bigIntegerValue());
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

  /** {@link #given} with the scale and the negative prompt of a fixture's {@code true_cfg}. */
  public static Values guided(Fixture f) {
    JsonNode guidance = f.json().path("true_cfg");
    return given(f.json().path("call"))
        .with(RequestKeys.NEGATIVE_PROMPT, guidance.path("negative_prompt").stringValue())
        .with(RequestKeys.TRUE_CFG_SCALE, guidance.path("true_cfg_scale").doubleValue());
  }

  /** A picture of a fixture, [3, H, W] from 0 to 255. */
  public static Picture picture(Tensor image) {
    return new Picture(
        (int) image.size(2), (int) image.size(1), image.to(DType.UINT8).permute(1, 2, 0).toBytes());
  }

  /** A small request for the tiny pipelines. */
  public static Values small(String prompt, int height, int width, int steps, int tokens) {
    return Values.of(RequestKeys.PROMPT, prompt)
        .with(RequestKeys.HEIGHT, height)
        .with(RequestKeys.WIDTH, width)
        .with(RequestKeys.NUM_INFERENCE_STEPS, steps)
        .with(RequestKeys.MAX_SEQUENCE_LENGTH, tokens)
        .with(RequestKeys.SEED, BigInteger.valueOf(0));
  }

  /** The same of five frames, where the model makes videos. */
  public static Values fewFrames(Parameters parameters, Values request) {
    return parameters.keys().contains(RequestKeys.NUM_FRAMES)
        ? request.with(RequestKeys.NUM_FRAMES, 5)
        : request;
  }
}
