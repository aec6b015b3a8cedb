package io.jdit.pipeline;

import io.jdit.kernels.NativeHeap;
import io.jdit.tensor.Torch;
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
  private final Runnable room;
  private final Supplier<Loaded<T>> loader;
  private Loaded<T> loaded;

  /**
   * @param room makes room for the component before it is loaded in its turn
   */
  Part(String name, Placement placement, Runnable room, Supplier<Loaded<T>> loader) {
    this.name = name;
    this.placement = placement;
    this.room = room;
    this.loader = loader;
    if (placement.atOnce(name)) {
      load();
    }
  }

  String name() {
    return name;
  }

  /** The component, loaded when it is not there. */
  public T get() {
    if (loaded == null) {
      room.run();
      load();
    }
    return loaded.module;
  }

  private void load() {
    try (NativeHeap heap = NativeHeap.loading()) {
      loaded = loader.get();
    }
    Torch.trim(); // what was read and is held in another form
  }

  /** The stage that uses the component is over: it may go. */
  public void done() {
    if (loaded != null && !placement.keeps(name)) {
      free();
      Torch.trim();
    }
  }

  void free() {
    if (loaded != null) {
      Loaded<T> gone = loaded;
      loaded = null;
      close(name, gone.resources);
    }
  }

  static void close(String name, AutoCloseable resources) {
    try {
      resources.close();
    } catch (Exception e) {
      throw new IllegalStateException("the component " + name + " cannot be freed", e);
    }
  }
}
