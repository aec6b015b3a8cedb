package io.jdit.server;

import io.javalin.http.Context;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** Sends files of results: those that records name, never those that requests do. */
final class ResultFiles {
  private static final Map<String, String> TYPES =
      Map.of(
          "png", "image/png",
          "jpg", "image/jpeg",
          "webp", "image/webp",
          "gif", "image/gif",
          "mp4", "video/mp4");

  private ResultFiles() {}

  /** In parts where the client asks for them, as players do. */
  static void send(Context ctx, Path file) {
    String name = file.getFileName().toString();
    String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "text/plain");
    try {
      ctx.header("Cache-Control", "private, max-age=31536000, immutable");
      ctx.header("Content-Disposition", "inline; filename=\"" + name + "\"");
      ctx.writeSeekableStream(Files.newInputStream(file), type, Files.size(file));
    } catch (NoSuchFileException e) {
      throw ApiException.notFound("the file of this result is gone");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
