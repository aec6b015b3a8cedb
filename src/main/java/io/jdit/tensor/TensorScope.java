package io.jdit.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * Owner of tensors. A scope from {@link #open()} owns every tensor that its thread makes while it
 * is the innermost one, and closes them when it is closed; what must survive leaves through {@link
 * #keep}. A scope from {@link #unbound()} owns only what it is given, for example the weights of a
 * model.
 *
 * <pre>{@code
 * Tensor block(Tensor x) {
 *   try (TensorScope scope = TensorScope.open()) {
 *     return scope.keep(x.mul(2).add(x));
 *   }
 * }
 * }</pre>
 */
public final class TensorScope implements AutoCloseable {
  private static final ThreadLocal<TensorScope> INNERMOST = new ThreadLocal<>();

  private final List<Tensor> owned = new ArrayList<>();
  private final TensorScope outer;
  private final Thread thread;
  private boolean closed;

  private TensorScope(TensorScope outer, Thread thread) {
    this.outer = outer;
    this.thread = thread;
  }

  /**
   * Opens a scope on this thread, inside the one that is open now. Scopes close in reverse order.
   */
  public static TensorScope open() {
    TensorScope scope = new TensorScope(INNERMOST.get(), Thread.currentThread());
    INNERMOST.set(scope);
    return scope;
  }

  /**
   * Makes an owner that no thread is bound to: it owns what {@link #adopt} gives it, until it is
   * closed.
   */
  public static TensorScope unbound() {
    return new TensorScope(null, null);
  }

  /** The one that owns what this thread makes now; null where none is open. */
  public static TensorScope innermost() {
    return INNERMOST.get();
  }

  /** Takes over the ownership of {@code tensor} from wherever it was. */
  public synchronized Tensor adopt(Tensor tensor) {
    if (closed) {
      throw new IllegalStateException("this TensorScope is closed");
    }
    if (tensor.owner != this) {
      tensor.owner = this;
      owned.add(tensor);
    }
    return tensor;
  }

  /**
   * Lets {@code tensor} survive this scope: it goes to the enclosing scope, or to the caller when
   * there is none. A tensor that this scope does not own is returned as it is.
   */
  public Tensor keep(Tensor tensor) {
    if (tensor.owner == this) {
      tensor.owner = null;
      if (outer != null) {
        outer.adopt(tensor);
      }
    }
    return tensor;
  }

  /** Takes {@code tensor} out of any scope: from here on the caller closes it. */
  public static Tensor detach(Tensor tensor) {
    tensor.owner = null;
    return tensor;
  }

  /** Bytes of all tensors that this scope owns now, views counted with their own size. */
  public long bytes() {
    return bytes(t -> true);
  }

  /** The same of some of them. */
  public synchronized long bytes(Predicate<Tensor> which) {
    long sum = 0;
    for (Tensor t : owned) {
      if (t.owner == this && !t.isClosed() && which.test(t)) {
        sum += t.bytes();
      }
    }
    return sum;
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    if (thread != null) {
      if (INNERMOST.get() != this) {
        throw new IllegalStateException(
            thread == Thread.currentThread()
                ? "TensorScope closed out of order: an inner scope is still open"
                : "TensorScope of thread "
                    + thread.getName()
                    + " closed on "
                    + Thread.currentThread().getName());
      }
      if (outer == null) {
        INNERMOST.remove();
      } else {
        INNERMOST.set(outer);
      }
    }
    closed = true;
    for (int i = owned.size() - 1; i >= 0; i--) {
      Tensor t = owned.get(i);
      if (t.owner == this) {
        t.close();
      }
    }
    owned.clear();
  }
}
