package io.jdit.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.jdit.media.FileWriteException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What every request passes: it gets an id, shows a key where keys are asked for, and errors. */
final class Gate {
  private static final Logger LOG = LoggerFactory.getLogger(Gate.class);
  private static final String ID = "X-Request-Id";

  private final ServerSettings settings;

  Gate(ServerSettings settings) {
    this.settings = settings;
  }

  void addTo(RoutesConfig routes) {
    routes.before(this::enter);
    routes.exception(CompletionException.class, (e, ctx) -> answer(e.getCause(), ctx));
    routes.exception(Exception.class, this::answer);
    routes.exception(HttpResponseException.class, this::answer);
  }

  private void enter(Context ctx) {
    String id = ctx.header(ID);
    boolean plain = id != null && id.matches("[A-Za-z0-9._-]{1,64}");
    ctx.header(ID, plain ? id : UUID.randomUUID().toString());
    ctx.header("X-Content-Type-Options", "nosniff");
    requireDecodable(ctx.req().getRequestURI());
    boolean open =
        settings.keys().isEmpty()
            || Page.isOpen(ctx.path())
            || ctx.method() == HandlerType.OPTIONS; // sent by browsers without a key
    if (!open && !isKey(ctx.header("Authorization"))) {
      throw ApiException.unauthorized(
          "this server asks for a key: send it as Authorization: Bearer KEY");
    }
  }

  private static void requireDecodable(String path) {
    try {
      URLDecoder.decode(path, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest("the path has an escape that is none", null);
    }
  }

  /** Compares with every key, in a time that tells nothing. */
  private boolean isKey(String header) {
    String token =
        header != null && header.startsWith("Bearer ") ? header.substring(7).strip() : "";
    boolean known = false;
    for (String key : settings.keys()) {
      known |=
          MessageDigest.isEqual(
              key.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
    }
    return known;
  }

  private void answer(Throwable failure, Context ctx) {
    ApiException error = error(failure, ctx);
    ctx.status(error.status());
    if (error.retrySeconds() > 0) {
      ctx.header("Retry-After", Long.toString(error.retrySeconds()));
    }
    Json.answer(ctx, error.body());
  }

  private ApiException error(Throwable failure, Context ctx) {
    if (failure instanceof ApiException e) {
      return e;
    }
    if (failure instanceof HttpResponseException e) {
      return e.getStatus() == 413
          ? ApiException.tooLarge(Intake.tooLarge(settings.limits().bodyBytes()))
          : ApiException.of(e.getStatus(), e.getMessage());
    }
    LOG.warn("{} {} failed", ctx.method(), ctx.path(), failure);
    return ApiException.failed(
        failure instanceof FileWriteException
            ? "the result cannot be stored"
            : "the server failed: see its log for " + ctx.res().getHeader(ID));
  }
}
