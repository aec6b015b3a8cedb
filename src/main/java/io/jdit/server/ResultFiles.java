package io.jdit.server;

import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

  /** One range of bytes; others are answered with the whole file, as RFC 9110 allows. */
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d{0,18})-(\\d{0,18})");

  /** In parts where the client asks for them, as players do. */
  static void send(Context ctx, Path file) {
    String name = file.getFileName().toString();
    String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "text/plain");
    try {
      ctx.header("Cache-Control", "private, max-age=31536000, immutable");
      ctx.header("Content-Disposition", "inline; filename=\"" + name + "\"");
      ctx.header("Accept-Ranges", "bytes");
      ctx.contentType(type);
      try (FileChannel channel = FileChannel.open(file)) {
        send(ctx, channel);
      }
    } catch (NoSuchFileException e) {
      throw ApiException.notFound("the file of this result is gone");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void send(Context ctx, FileChannel file) throws IOException {
    long size = file.size();
    long from = 0;
    long to = size - 1;
    Matcher range = RANGE.matcher(Optional.ofNullable(ctx.header("Range")).orElse(""));
    if (range.matches() && !(range.group(1).isEmpty() && range.group(2).isEmpty())) {
      if (range.group(1).isEmpty()) {
        from = Math.max(0, size - Long.parseLong(range.group(2)));
      } else {
        from = Long.parseLong(range.group(1));
        to = range.group(2).isEmpty() ? to : Math.min(to, Long.parseLong(range.group(2)));
      }
      if (from > to) {
        ctx.header("Content-Range", "bytes */" + size);
        throw ApiException.of(416, "the file has " + size + " bytes");
      }
      ctx.status(206);
      ctx.header("Content-Range", "bytes " + from + "-" + to + "/" + size);
    }
    ctx.header("Content-Length", Long.toString(to - from + 1));
    if (ctx.method() != HandlerType.HEAD) {
      WritableByteChannel out = Channels.newChannel(ctx.outputStream());
      for (long at = from; at <= to; ) {
        at += file.transferTo(at, to - at + 1, out);
      }
    }
  }
}
