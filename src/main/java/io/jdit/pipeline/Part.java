package io.jdit.pipeline;

import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.TensorScope;
import java.nio.file.Path;
import java.util.function.Function;

/** A component of a model, in memory from when it is needed to when it may go. */
public final class Part<T> {
  private final String name;
  private final Path folder;
  private final Strategies strategies;
  private final Function<Weights, T> constructor;
  private TensorScope owner;
  private T module;

  Part(
      String name,
      Path folder,
      Strategies strategies,
      Function<Weights, T> constructor) {
    this.name = name;
    this.folder = folder;
    this.strategies = strategies;
    this.constructor = constructor;
    if (strategies.placement().atOnce(name)) {
      get();
    }
  }

  /** The module; built from its weights, strictly, when it is not there. */
  public T get() {
    if (module == null) {
      owner = TensorScope.unbound();
      try (TensorSource source = strategies.origin().open(folder)) {
        Weights w = new Weights(source, strategies.dtype(), strategies.device(), owner);
        T built = constructor.apply(w);
        w.requireAllUsed();
        module = built;
      } catch (RuntimeException | Error e) {
        owner.close();
        throw e;
      }
    }
    return module;
  }

  /** The stage that uses the module is over: its weights may go. */
  public void done() {
    if (!strategies.placement().keeps(name)) {
      free();
    }
  }

  void free() {
    if (module != null) {
      module = null;
      owner.close();
    }
  }
}
