package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.Task;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Clients that wait for the end of requests. When one leaves, its requests are cancelled: a server
 * of HTTP/1.1 neither reads nor writes while it waits, but Linux knows its connections. Elsewhere
 * such requests are done to their end.
 */
final class WaitingClients implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WaitingClients.class);
  private static final long PERIOD_MILLIS = 500;

  private final Scheduler scheduler;
  private final Map<Connection, List<Task>> waiting = new ConcurrentHashMap<>();
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread t = new Thread(work, "jdit-waiting-clients");
            t.setDaemon(true);
            return t;
          });

  WaitingClients(Scheduler scheduler) {
    this.scheduler = scheduler;
    if (Connection.areKnown()) {
      thread.scheduleWithFixedDelay(
          this::look, PERIOD_MILLIS, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** Answers a client when all of its requests have ended. */
  void answer(Context ctx, List<Task> tasks, Runnable answer) {
    Connection connection =
        new Connection(
            new InetSocketAddress(ctx.req().getLocalAddr(), ctx.req().getLocalPort()),
            new InetSocketAddress(ctx.req().getRemoteAddr(), ctx.req().getRemotePort()));
    CompletableFuture<Void> ended =
        CompletableFuture.allOf(
            tasks.stream().map(Task::whenEnded).toArray(CompletableFuture<?>[]::new));
    waiting.put(connection, tasks);
    ended.whenComplete((result, failure) -> waiting.remove(connection, tasks));
    ctx.future(() -> ended.thenRun(answer));
  }

  private void look() {
    if (waiting.isEmpty()) {
      return;
    }
    Set<Connection> watched = Set.copyOf(waiting.keySet()); // a later one may not be in the table
    try {
      Set<Connection> open = Connection.established();
      for (Connection connection : watched) {
        List<Task> tasks = open.contains(connection) ? null : waiting.remove(connection);
        if (tasks != null) {
          tasks.forEach(scheduler::cancel);
        }
      }
    } catch (IOException e) {
      LOG.debug("the connections cannot be read", e);
    }
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
