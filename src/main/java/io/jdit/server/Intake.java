package io.jdit.server;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * Takes requests in before a thread is given to them: whoever sends slowly or stops in the middle
 * holds a connection and no more. What all bodies together take of the heap is bounded.
 */
final class Intake extends Handler.Wrapper {
  private static final int CONNECTIONS = 2048;
  private static final int SLOWEST = 64 << 10; // bytes per second, over the idle time
  private static final int SMALL = 64 << 10; // so many bytes are not counted
  private static final int UNIT = 1 << 10;

  /** Bytes over the limit that are still read: many clients see a closed connection, no answer. */
  private static final int DROPPED = 16 << 20;

  /** Names of models may have slashes, which clients escape. */
  private static final UriCompliance SLASHES =
      UriCompliance.DEFAULT.with("slashes", UriCompliance.Violation.AMBIGUOUS_PATH_SEPARATOR);

  private final int limit;
  private final Semaphore room; // in units

  private Intake(int limit, long heap) {
    this.limit = limit;
    this.room = new Semaphore((int) Math.min(Integer.MAX_VALUE, Math.max(limit, heap / 4) / UNIT));
  }

  /** Where a server listens. */
  static Connector connector(Server server, HttpConfiguration http, ServerSettings settings) {
    http.setSendServerVersion(false);
    http.setUriCompliance(SLASHES);
    ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
    connector.setHost(settings.host());
    connector.setPort(settings.port());
    connector.setIdleTimeout(settings.limits().idle().toMillis());
    return connector;
  }

  /**
   * @param limit bytes of a body, below 2 GiB
   */
  static void addTo(Server server, long limit) {
    server.setHandler(new Intake((int) limit, Runtime.getRuntime().maxMemory()));
    server.setErrorHandler(new JsonErrors());
    server.addBean(new NetworkConnectionLimit(CONNECTIONS, server));
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) throws Exception {
    long said = request.getLength(); // -1 where it is not
    if (said == 0) {
      return super.handle(request, response, callback);
    }
    boolean asksFirst = request.getHeaders().contains(HttpHeader.EXPECT);
    if (said > limit && (asksFirst || said > limit + (long) DROPPED)) {
      Response.writeError(request, response, callback, 413, tooLarge(limit));
      return true;
    }
    long length = said < 0 ? limit : said;
    int kept = said > limit ? 0 : limit;
    AtomicInteger held = new AtomicInteger(units(Math.min(length, kept)));
    if (!room.tryAcquire(held.get())) {
      response.getHeaders().put(HttpHeader.RETRY_AFTER, 1);
      Response.writeError(
          request, response, callback, 503, "other large requests are being received: try again");
      return true;
    }
    Request.addCompletionListener(request, failure -> room.release(held.get()));
    EndPoint client = request.getConnectionMetaData().getConnection().getEndPoint();
    Scheduler.Task late =
        request
            .getComponents()
            .getScheduler()
            .schedule(
                client::close,
                client.getIdleTimeout() + 1000 * length / SLOWEST,
                TimeUnit.MILLISECONDS);
    new Reception(request, response, callback, late, held, kept).run();
    return true;
  }

  private static int units(long bytes) {
    return bytes <= SMALL ? 0 : (int) (bytes / UNIT);
  }

  private void handleWhole(Request request, Response response, Callback callback) {
    try {
      if (!super.handle(request, response, callback)) {
        Response.writeError(request, response, callback, 404);
      }
    } catch (Exception e) {
      Response.writeError(request, response, callback, e);
    }
  }

  /** A body on its way in. */
  private final class Reception extends Invocable.Task.Abstract {
    private final Request request;
    private final Response response;
    private final Callback callback;
    private final Scheduler.Task late;
    private final AtomicInteger held;
    private final int kept;
    private long received;
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();

    /**
     * @param late closes the connection in time
     * @param held units of room that are taken for it
     * @param kept bytes of it at most: the limit, or 0 when it is known to be larger
     */
    Reception(
        Request request,
        Response response,
        Callback callback,
        Scheduler.Task late,
        AtomicInteger held,
        int kept) {
      super(InvocationType.NON_BLOCKING);
      this.request = request;
      this.response = response;
      this.callback = callback;
      this.late = late;
      this.held = held;
      this.kept = kept;
    }

    /** Takes what is there, and comes back when there is more. */
    @Override
    public void run() {
      while (true) {
        Content.Chunk chunk = request.read();
        if (chunk == null) {
          request.demand(this);
          return;
        }
        if (Content.Chunk.isFailure(chunk)) {
          refuse(408, "the body did not come whole and in time");
          return;
        }
        received += chunk.remaining();
        boolean large = received > kept;
        if (!large) {
          body.writeBytes(BufferUtil.toArray(chunk.getByteBuffer()));
        }
        chunk.release();
        if (large && (chunk.isLast() || received > limit + (long) DROPPED)) {
          refuse(413, tooLarge(limit));
          return;
        }
        if (chunk.isLast()) {
          late.cancel();
          int needed = units(body.size());
          room.release(held.getAndSet(needed) - needed);
          Request whole = new Whole(request, body.toByteArray());
          // Elsewhere: this thread may be the one that what is answered waits for.
          request.getContext().execute(() -> handleWhole(whole, response, callback));
          return;
        }
      }
    }

    private void refuse(int status, String message) {
      late.cancel();
      Response.writeError(request, response, callback, status, message);
    }
  }

  static String tooLarge(long limit) {
    return "the body has more than " + limit + " bytes, which is this server's limit";
  }

  /** A request whose body has been received. */
  private static final class Whole extends Request.Wrapper {
    private final Content.Source body;

    Whole(Request request, byte[] body) {
      super(request);
      this.body = Content.Source.from(ByteBuffer.wrap(body));
    }

    @Override
    public Content.Chunk read() {
      return body.read();
    }

    @Override
    public void demand(Runnable available) {
      body.demand(available);
    }

    @Override
    public void fail(Throwable failure) {
      body.fail(failure);
    }
  }

  /** What fails before a route is reached, in the form of all other errors. */
  private static final class JsonErrors extends ErrorHandler {
    @Override
    protected void generateResponse(
        Request request,
        Response response,
        int code,
        String message,
        Throwable cause,
        Callback callback) {
      response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
      String text = message == null || message.isEmpty() ? "status " + code : message;
      response.write(
          true,
          ByteBuffer.wrap(Json.MAPPER.writeValueAsBytes(ApiException.of(code, text).body())),
          callback);
    }
  }
}
