package io.jdit.media;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;

/** A process that writes a video until it is killed: the file, then whether it is a folder. */
final class EndlessVideo {
  private EndlessVideo() {}

  public static void main(String[] args) throws IOException {
    VideoWriter.Settings settings = new VideoWriter.Settings(16, 5);
    try (VideoWriter writer =
        VideoWriter.open(Path.of(args[0]), Boolean.parseBoolean(args[1]), settings, Map.of())) {
      byte[] noise = new byte[3 * 160 * 96];
      while (true) {
        new Random().nextBytes(noise);
        writer.write(new Picture(160, 96, noise));
      }
    }
  }
}
