package io.jdit.metrics;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Spans of time of this process, nested within each other on each thread: stages, steps, blocks,
 * layers, kernels. Where nobody {@link #start}s one, a span costs a look at a field.
 */
public final class Trace implements AutoCloseable {
  /** Kinds of spans, from the outside to the inside. */
  public enum Kind {
    STAGE,
    STEP,
    BLOCK,
    LAYER,
    ATTENTION,
    KERNEL,
    EXCHANGE;

    /** As written to files. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A span that has ended.
   *
   * @param start nanoseconds since the trace began
   * @param thread name of the thread that it was on
   */
  public record Event(Kind kind, String name, long start, long nanoseconds, String thread) {}

  /** Ends a span. */
  public interface Span extends AutoCloseable {
    @Override
    void close();
  }

  private static final Span NONE = () -> {};

  private static volatile Trace current;

  private final Runnable synchronize;
  private final long begin = System.nanoTime();
  private final List<Event> events = new ArrayList<>();

  private Trace(Runnable synchronize) {
    this.synchronize = synchronize;
  }

  /**
   * Records the spans of all threads from now on until it is closed.
   *
   * @param synchronize waits for the device, where what a span started goes on after it
   * @throws IllegalStateException when another one is recording
   */
  public static synchronized Trace start(Runnable synchronize) {
    if (current != null) {
      throw new IllegalStateException("a trace is being recorded already");
    }
    current = new Trace(synchronize);
    return current;
  }

  /** Whether one is recording. */
  public static boolean on() {
    return current != null;
  }

  /** Begins a span, to be closed on the same thread in the order of a stack. */
  public static Span span(Kind kind, String name) {
    Trace trace = current;
    return trace == null ? NONE : trace.begin(kind, name);
  }

  private Span begin(Kind kind, String name) {
    synchronize.run();
    long start = System.nanoTime();
    return () -> {
      synchronize.run();
      add(
          new Event(
              kind,
              name,
              start - begin,
              System.nanoTime() - start,
              Thread.currentThread().getName()));
    };
  }

  private synchronized void add(Event event) {
    events.add(event);
  }

  /** What has ended, in the order in which it ended: inner spans before those around them. */
  public synchronized List<Event> events() {
    return List.copyOf(events);
  }

  /** Ends the recording. */
  @Override
  public void close() {
    current = null;
  }
}
