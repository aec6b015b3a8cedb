package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskEvent;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Server-sent events about a task, written by the thread of the request: a slow client makes nobody
 * else wait.
 */
abstract class EventStream {
  private static final long SILENCE_SECONDS = 10; // then a comment keeps the connection

  private static final int MOST = 128; // each holds a thread, and others need some
  private static final Semaphore PLACES = new Semaphore(MOST);

  private OutputStream out;

  /**
   * Writes events until the task has ended.
   *
   * @throws ApiException when too many listen already
   * @param gone done when the client has left before that
   */
  void run(Context ctx, Task task, Runnable gone) {
    if (!PLACES.tryAcquire()) {
      gone.run();
      throw ApiException.busy(MOST + " clients listen to events, which is the limit", 10);
    }
    try {
      write(ctx, task, gone);
    } finally {
      PLACES.release();
    }
  }

  private void write(Context ctx, Task task, Runnable gone) {
    BlockingQueue<TaskEvent> events = new LinkedBlockingQueue<>();
    Runnable unsubscribe = task.listen(events::add);
    if (task.state().ended()) {
      events.add(new TaskEvent.Ended()); // it may have been told before anybody listened
    }
    ctx.contentType("text/event-stream; charset=utf-8");
    ctx.header("Cache-Control", "no-store");
    ctx.header("X-Accel-Buffering", "no");
    try {
      out = ctx.outputStream();
      out.flush();
      while (true) {
        TaskEvent event = events.poll(SILENCE_SECONDS, TimeUnit.SECONDS);
        if (event == null) {
          write(": still here\n\n");
        } else if (event instanceof TaskEvent.Ended) {
          ended();
          return;
        } else {
          happened(event);
        }
      }
    } catch (IOException e) {
      gone.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      unsubscribe.run();
    }
  }

  /** Something before the end. */
  abstract void happened(TaskEvent event) throws IOException;

  abstract void ended() throws IOException;

  final void send(String event, Object data) throws IOException {
    write("event: " + event + "\ndata: " + Json.MAPPER.writeValueAsString(data) + "\n\n");
  }

  private void write(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
