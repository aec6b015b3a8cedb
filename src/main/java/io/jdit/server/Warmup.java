package io.jdit.server;

import io.jdit.config.Values;
import io.jdit.engine.serve.Place;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.StepOutcome;
import io.jdit.engine.serve.StepRunner;
import io.jdit.engine.serve.Target;
import io.jdit.media.OutputKind;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Draws something that nobody sees, so that kernels, memory and files are in place. */
record Warmup(ServedModel model, Values request) {
  private static final String ID = "warmup";
  private static final int SIDE = 256; // of the picture that models get which need one

  void run(StepRunner runner) throws IOException {
    Path folder = Files.createTempDirectory("jdit-warmup-");
    boolean video = model.parameters().kind() == OutputKind.VIDEO;
    try {
      Place place = runner.begin(ID, List.of(complete(folder)), null, false);
      while (!place.atEnd()) {
        StepOutcome outcome = runner.step(List.of(ID)).get(0);
        if (outcome.failure() != null) {
          throw new IllegalStateException("the warm-up failed: " + outcome.failure());
        }
        place = outcome.place();
      }
      runner.finish(ID, new Target(folder, ID, video ? "mp4" : "png", null));
    } finally {
      runner.drop(ID);
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  /** With a grey picture where the model needs one. */
  private Values complete(Path folder) throws IOException {
    try {
      model.parameters().resolve(request);
      return request;
    } catch (IllegalArgumentException e) {
      if (!model.parameters().keys().contains(RequestKeys.IMAGE_PATH)) {
        throw e;
      }
      Request outline = model.parameters().outline(request);
      int height = Optional.ofNullable(outline.get(RequestKeys.HEIGHT)).orElse(SIDE);
      int width = Optional.ofNullable(outline.get(RequestKeys.WIDTH)).orElse(SIDE);
      byte[] grey = new byte[3 * width * height];
      Arrays.fill(grey, (byte) 127);
      Path file = folder.resolve("picture.png");
      PngWriter.write(file, new Picture(width, height, grey), Map.of());
      return request.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
    }
  }
}
