package io.jdit.pipeline;

import java.util.function.Supplier;

/** A component of a model, in memory from when it is needed to when it may go. */
public final class Part<T> {
  /**
   * A component in memory.
   *
   * @param resources what is closed to free it
   */
  record Loaded<T>(T module, AutoCloseable resources) {}

  private final String name;
  private final Placement placement;
  private final Supplier<Loaded<T>> loader;
  private Loaded<T> loaded;

  Part(String name, Placement placement, Supplier<Loaded<T>> loader) {
    this.name = name;
    this.placement = placement;
    this.loader = loader;
    if (placement.atOnce(name)) {
      get();
    }
  }

  /** The component, loaded when it is not there. */
  public T get() {
    if (loaded == null) {
      loaded = loader.get();
    }
    return loaded.module;
  }

  /** The stage that uses the component is over: it may go. */
  public void done() {
    if (!placement.keeps(name)) {
      free();
    }
  }

  void free() {
    if (loaded != null) {
      try {
        loaded.resources.close();
      } catch (Exception e) {
        throw new IllegalStateException("the component " + name + " cannot be freed", e);
      } finally {
        loaded = null;
      }
    }
  }
}
