package io.jdit.cli;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** What a server draws before it is ready, so that its first requests are as fast as others. */
final class WarmupOptions {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,6})[xX](\\d{1,6})");

  @Option(
      names = "--warmup",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "Draw something before the server is ready; the same as --warmup-mode server.")
  private Boolean warmup;

  @Option(
      names = "--warmup-mode",
      paramLabel = "MODE",
      description = "off or server. Default: off.")
  private String mode;

  @Option(
      names = "--warmup-resolutions",
      arity = "1..*",
      paramLabel = "WxH",
      description = "Sizes that are drawn once each. Default: the model's.")
  private List<String> resolutions = new ArrayList<>();

  @Option(
      names = "--warmup-num-frames",
      paramLabel = "N",
      description = "Frames of a video model. Default: the model's.")
  private Integer frames;

  @Option(
      names = "--warmup-sampling-params",
      paramLabel = "JSON",
      description =
          "Parameters of what is drawn, as an object. Default: one step; --warmup-steps is the"
              + " cache's option.")
  private String parameters;

  /**
   * The requests to draw, none without a warm-up.
   *
   * @throws IllegalArgumentException naming the option
   */
  List<Values> requests() {
    if (!on()) {
      if (!resolutions.isEmpty() || frames != null || parameters != null) {
        throw new IllegalArgumentException(
            "--warmup-resolutions, --warmup-num-frames and --warmup-sampling-params need"
                + " --warmup-mode server");
      }
      return List.of();
    }
    Values shared =
        sampling()
            .over(
                Values.of(RequestKeys.PROMPT, "warm-up").with(RequestKeys.NUM_INFERENCE_STEPS, 1));
    if (frames != null) {
      shared = shared.with(RequestKeys.NUM_FRAMES, frames);
    }
    if (resolutions.isEmpty()) {
      return List.of(shared);
    }
    List<Values> requests = new ArrayList<>();
    for (String resolution : resolutions) {
      Matcher m = SIZE.matcher(resolution);
      if (!m.matches()) {
        throw new IllegalArgumentException(
            "--warmup-resolutions: expected WIDTHxHEIGHT such as 1024x1024, found '"
                + resolution
                + "'");
      }
      requests.add(
          shared
              .with(RequestKeys.WIDTH, Integer.valueOf(m.group(1)))
              .with(RequestKeys.HEIGHT, Integer.valueOf(m.group(2))));
    }
    return requests;
  }

  private boolean on() {
    boolean on = Boolean.TRUE.equals(warmup);
    if (mode == null) {
      return on;
    }
    return switch (mode) {
      case "off" -> {
        if (on) {
          throw new IllegalArgumentException("--warmup and --warmup-mode off exclude each other");
        }
        yield false;
      }
      case "server" -> true;
      case "request" ->
          throw new IllegalArgumentException(
              "--warmup-mode request is not available in JDiT: it draws a client's request twice;"
                  + " use server");
      default ->
          throw new IllegalArgumentException(
              "--warmup-mode: expected off or server, found '" + mode + "'");
    };
  }

  private Values sampling() {
    if (parameters == null) {
      return Values.none();
    }
    try {
      return RequestKeys.ALL.read(
          JsonMapper.shared().readTree(parameters), "--warmup-sampling-params");
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "--warmup-sampling-params is no JSON: " + e.getOriginalMessage());
    }
  }
}
