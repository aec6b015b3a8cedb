package io.jdit.cli;

import static io.jdit.cli.ServerOptions.require;

import io.jdit.server.ServerSettings;
import java.time.Duration;
import picocli.CommandLine.Option;

/** What a server takes at most. */
final class LimitOptions {
  private static final long LARGEST_BODY_MB = 1024;
  private static final Duration IDLE = Duration.ofSeconds(30);

  @Option(
      names = "--max-queue",
      paramLabel = "N",
      defaultValue = "256",
      description = "Requests that may wait; others get status 429. Default: ${DEFAULT-VALUE}.")
  private int queue;

  @Option(
      names = "--max-body-mb",
      paramLabel = "MB",
      defaultValue = "64",
      description = "Largest request, pictures included. Default: ${DEFAULT-VALUE}.")
  private long bodyMegabytes;

  @Option(
      names = "--max-pixels",
      paramLabel = "N",
      defaultValue = "16777216",
      description = "Of an output, or a picture that is sent. Default: ${DEFAULT-VALUE}.")
  private long pixels;

  @Option(
      names = "--max-frames",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Of a video. Default: ${DEFAULT-VALUE}.")
  private int frames;

  @Option(
      names = "--max-steps",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Denoising steps of a request. Default: ${DEFAULT-VALUE}.")
  private int steps;

  int queue() {
    require("--max-queue", queue, 1);
    return queue;
  }

  /**
   * @throws IllegalArgumentException naming the option
   */
  ServerSettings.Limits limits() {
    require("--max-body-mb", bodyMegabytes, 1);
    require("--max-pixels", pixels, 1);
    require("--max-frames", frames, 1);
    require("--max-steps", steps, 1);
    if (bodyMegabytes > LARGEST_BODY_MB) {
      throw new IllegalArgumentException(
          "--max-body-mb must be <= " + LARGEST_BODY_MB + ", got " + bodyMegabytes);
    }
    return new ServerSettings.Limits(bodyMegabytes << 20, pixels, frames, steps, IDLE);
  }
}
