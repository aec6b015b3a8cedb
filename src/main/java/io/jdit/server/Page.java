package io.jdit.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Set;

/** The web page at {@code /}: three files from the class path, without anything from elsewhere. */
final class Page {
  private static final Map<String, String> FILES =
      Map.of(
          "index.html", "text/html; charset=utf-8",
          "app.js", "text/javascript; charset=utf-8",
          "app.css", "text/css; charset=utf-8");

  /** What is answered without a key: the page asks for it itself. */
  private static final Set<String> OPEN =
      Set.of("/", "/app.js", "/app.css", "/health", "/health_generate", "/liveness");

  private Page() {}

  static boolean isOpen(String path) {
    return OPEN.contains(path);
  }

  static void addTo(RoutesConfig routes) {
    routes.get("/", ctx -> send(ctx, "index.html"));
    routes.get("/app.js", ctx -> send(ctx, "app.js"));
    routes.get("/app.css", ctx -> send(ctx, "app.css"));
  }

  private static void send(Context ctx, String name) {
    try (InputStream in = Page.class.getResourceAsStream("/io/jdit/server/" + name)) {
      ctx.header("Cache-Control", "no-cache");
      ctx.header("X-Content-Type-Options", "nosniff");
      ctx.header(
          "Content-Security-Policy",
          "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
              + " frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
      ctx.contentType(FILES.get(name)).result(in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
