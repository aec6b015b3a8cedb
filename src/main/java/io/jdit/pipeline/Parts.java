package io.jdit.pipeline;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Makes the components of a model and frees them together. A model that cannot be built closes what
 * was made until then:
 *
 * <pre>{@code
 * Parts parts = new Parts(folder, strategies);
 * return parts.build(() -> new SomeModel(parts));
 * }</pre>
 */
public final class Parts implements AutoCloseable {
  private final ModelFolder folder;
  private final Strategies strategies;
  private final List<AutoCloseable> made = new ArrayList<>();
  private final List<Part<?>> turns = new ArrayList<>();

  public Parts(ModelFolder folder, Strategies strategies) {
    this.folder = folder;
    this.strategies = strategies;
  }

  public ModelFolder folder() {
    return folder;
  }

  public Strategies strategies() {
    return strategies;
  }

  /** Runs a model's constructor and frees everything when it fails. */
  public <M> M build(Supplier<M> model) {
    try {
      return model.get();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * A component with weights, which are read strictly.
   *
   * @param name of the folder, for example {@code transformer}
   * @param className that model_index.json must give it
   * @throws ModelFormatException when it is missing, broken or of another class
   */
  public <T> Part<T> part(String name, String className, Function<Weights, T> constructor) {
    Path component = folder.component(name, className);
    return add(name, () -> load(name, component, constructor));
  }

  private <T> Part.Loaded<T> load(String name, Path component, Function<Weights, T> constructor) {
    TensorScope owner = TensorScope.unbound();
    TensorSource source = strategies.origin().open(component);
    Device device = strategies.device();
    Residency residency = strategies.placement().residency(name, source, device);
    AutoCloseable resources =
        () -> {
          residency.close();
          source.close();
          owner.close();
        };
    try {
      Weights w = new Weights(source, strategies.dtype(), device, owner, residency);
      T module = constructor.apply(w);
      w.requireAllUsed();
      residency.built(w);
      return new Part.Loaded<>(module, resources);
    } catch (RuntimeException | Error e) {
      Part.close(name, resources);
      throw e;
    }
  }

  /** The tokenizer in a folder, of whatever class the index names. */
  public Part<Tokenizer> tokenizer(String name) {
    return tokenizer(name, folder.components().getOrDefault(name, ""));
  }

  /**
   * The tokenizer in a folder, read as another class than the index names: models whose class is
   * rebuilt by newer libraries in a way that was not theirs.
   */
  public Part<Tokenizer> tokenizer(String name, String className) {
    String named = folder.components().getOrDefault(name, "");
    return add(
        name,
        () -> {
          Tokenizer tokenizer = Tokenizers.load(folder.component(name, named), className);
          return new Part.Loaded<>(tokenizer, tokenizer);
        });
  }

  private <T> Part<T> add(String name, Supplier<Part.Loaded<T>> loader) {
    Part<T> part = new Part<>(name, strategies.placement(), () -> leave(name), loader);
    made.add(part::free);
    turns.add(part);
    return part;
  }

  /**
   * A transformer and all other components take turns: those of the other side may go, also where a
   * generation that is not done will need them again.
   */
  private void leave(String coming) {
    boolean transformer = isTransformer(coming);
    for (Part<?> part : turns) {
      if (isTransformer(part.name()) != transformer) {
        part.done();
      }
    }
  }

  private static boolean isTransformer(String component) {
    return component.startsWith("transformer");
  }

  /** Something to be closed with the model. */
  public <C extends AutoCloseable> C own(C closeable) {
    made.add(closeable);
    return closeable;
  }

  @Override
  public void close() {
    for (AutoCloseable part : made) {
      try {
        part.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    made.clear();
    turns.clear();
  }
}
