package io.jdit.offload;

import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.tensor.DeviceCopy;
import io.jdit.tensor.Tensor;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A thread that reads what will be needed next, in the order in which it is announced, and no more
 * of it than a limit: what is taken counts until it is given back. It only reads: what is made of
 * the tensors is made by who takes them.
 */
final class ReadAhead implements AutoCloseable {
  private final TensorSource source;
  private final int limit;
  private final DeviceCopy copy;
  private final Deque<Reading> expected = new ArrayDeque<>(); // in the order of use
  private final Thread thread;
  private int taken;
  private volatile boolean closed;

  /** Tensors that belong together, by name. */
  final class Reading implements AutoCloseable {
    private final List<TensorInfo> wanted;
    private final Map<String, Tensor> tensors = new HashMap<>();
    private RuntimeException failure;
    private boolean begun;
    private boolean done;
    private volatile boolean dropped;

    private Reading(List<TensorInfo> wanted) {
      this.wanted = wanted;
    }

    /** Those that are left; whoever takes one out of it closes it. */
    Map<String, Tensor> tensors() {
      return tensors;
    }

    private void free() {
      tensors.values().forEach(Tensor::close);
      tensors.clear();
    }

    /** Gives back what is left: there is room to read on. */
    @Override
    public void close() {
      free();
      synchronized (ReadAhead.this) {
        taken--;
        ReadAhead.this.notifyAll();
      }
    }
  }

  /**
   * @param limit sets of tensors at a time: that are read, wait, or are taken
   * @param copy to where they are taken
   */
  ReadAhead(String name, TensorSource source, int limit, DeviceCopy copy) {
    this.source = source;
    this.limit = limit;
    this.copy = copy;
    thread = new Thread(this::run, "jdit-read-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  /** These tensors will be taken after those that were announced before. */
  synchronized void expect(List<TensorInfo> tensors) {
    expected.add(new Reading(tensors));
    notifyAll();
  }

  /**
   * Waits for tensors. Announced ones that should have been taken before are let go: whoever
   * announced them has given up.
   *
   * @param wanted the list that was announced; read now when it was not
   */
  synchronized Reading take(List<TensorInfo> wanted) {
    if (expected.stream().noneMatch(r -> r.wanted == wanted)) {
      drop();
      expected.add(new Reading(wanted));
    }
    while (expected.element().wanted != wanted) {
      drop(expected.remove());
    }
    Reading reading = expected.element();
    notifyAll();
    boolean interrupted = false;
    while (!reading.done && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true; // whoever runs the thread looks at it between steps
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (!reading.done) {
      throw new IllegalStateException("the model is closed");
    }
    expected.remove();
    if (reading.failure != null) {
      drop();
      throw reading.failure;
    }
    taken++;
    reading.tensors.values().forEach(copy::use);
    return reading;
  }

  private void drop() {
    while (!expected.isEmpty()) {
      drop(expected.remove());
    }
  }

  /** What is being read is freed by the thread. */
  private static void drop(Reading reading) {
    reading.dropped = true;
    if (reading.done) {
      reading.free();
    }
  }

  private void run() {
    Reading reading;
    while ((reading = next()) != null) {
      RuntimeException failure = null;
      try {
        read(reading);
      } catch (RuntimeException | Error e) {
        failure = e instanceof RuntimeException r ? r : new IllegalStateException(e);
      }
      done(reading, failure);
    }
  }

  private void read(Reading reading) {
    for (TensorInfo tensor : reading.wanted) {
      if (reading.dropped || closed) {
        return;
      }
      Tensor read = copy.read(() -> source.read(tensor));
      Tensor twice = reading.tensors.put(tensor.name(), read);
      if (twice != null) {
        twice.close();
      }
    }
    copy.finish();
  }

  /** The next set to read, when there is room for it; null at the end. */
  private synchronized Reading next() {
    while (!closed) {
      int ahead = taken;
      for (Reading r : expected) {
        if (ahead++ >= limit) {
          break;
        }
        if (!r.begun) {
          r.begun = true;
          return r;
        }
      }
      try {
        wait();
      } catch (InterruptedException e) {
        closed = true; // nobody does, and whoever waits must not wait for ever
        notifyAll();
      }
    }
    return null;
  }

  private synchronized void done(Reading reading, RuntimeException failure) {
    reading.done = true;
    reading.failure = failure;
    if (reading.dropped || closed || failure != null) {
      reading.free();
    }
    notifyAll();
  }

  /** Ends the thread and frees what nobody took. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      drop();
      notifyAll();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
