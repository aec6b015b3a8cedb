package io.jdit.engine.serve;

import io.jdit.pipeline.OutOfMemoryException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models of a server by name. A model is loaded when it is first needed; where memory is too
 * small for it, those that nobody uses go, the longest unused first. Loading and unloading happen
 * on the scheduler's thread.
 */
public final class ServedModels implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ServedModels.class);

  private final Map<String, ServedModel> models = new LinkedHashMap<>();
  private final Map<String, StepRunner> loaded = new LinkedHashMap<>(); // longest unused first
  private final Function<Throwable, String> texts;

  /**
   * @param texts what is said of a failure in one line
   */
  public ServedModels(Collection<ServedModel> models, Function<Throwable, String> texts) {
    models.forEach(m -> this.models.put(m.name(), m));
    this.texts = texts;
  }

  /** In the order in which they were named; the first is used where none is asked for. */
  public List<ServedModel> all() {
    return List.copyOf(models.values());
  }

  /**
   * @param name or null for the first
   * @throws NoSuchElementException naming those that there are
   */
  public ServedModel find(String name) {
    if (name == null) {
      return models.values().iterator().next();
    }
    ServedModel model = models.get(name);
    if (model == null) {
      throw new NoSuchElementException(
          "model '" + name + "' is not served here; there are " + models.keySet());
    }
    return model;
  }

  public synchronized boolean isLoaded(String name) {
    return loaded.containsKey(name);
  }

  /** Null while it is not loaded. */
  public synchronized String about(String name) {
    StepRunner runner = loaded.get(name);
    return runner == null ? null : runner.about();
  }

  /**
   * The runner of a model, loaded if need be; see {@link Scheduler#between}.
   *
   * @param inUse whether a model may not be unloaded now
   */
  public StepRunner runner(String name, Predicate<String> inUse) {
    StepRunner runner;
    synchronized (this) {
      runner = loaded.remove(name);
      if (runner != null) {
        loaded.put(name, runner); // the latest
        return runner;
      }
    }
    runner = load(find(name), inUse);
    synchronized (this) {
      loaded.put(name, runner);
    }
    return runner;
  }

  private StepRunner load(ServedModel model, Predicate<String> inUse) {
    while (true) {
      String idle = longestUnused(inUse);
      try {
        long start = System.nanoTime();
        StepRunner runner = model.loader().load(idle == null);
        LOG.info(
            "model {} loaded in {} s: {}",
            model.name(),
            (System.nanoTime() - start) / 1_000_000 / 1e3,
            runner.about());
        return runner;
      } catch (OutOfMemoryException e) {
        if (idle == null) {
          throw e;
        }
        LOG.info("model {} makes room for {}", idle, model.name());
        unload(idle);
      }
    }
  }

  private synchronized String longestUnused(Predicate<String> inUse) {
    return loaded.keySet().stream().filter(n -> !inUse.test(n)).findFirst().orElse(null);
  }

  /** Loads a model ahead of its first request; see {@link Scheduler#between}. */
  public void load(String name, Predicate<String> inUse) {
    runner(find(name).name(), inUse);
  }

  /** Frees a model's memory; see {@link Scheduler#between}. */
  public void unload(String name) {
    StepRunner runner;
    synchronized (this) {
      runner = loaded.remove(name);
    }
    if (runner != null) {
      runner.close();
      LOG.info("model {} unloaded", name);
    }
  }

  /** Forgets a runner that is gone. */
  void lose(String name) {
    try {
      unload(name);
    } catch (RuntimeException e) {
      LOG.warn("model {} left something behind", name, e);
    }
  }

  void drop(String name, String id) {
    StepRunner runner;
    synchronized (this) {
      runner = loaded.get(name);
    }
    if (runner != null) {
      try {
        runner.drop(id);
      } catch (RunnerLostException e) {
        LOG.debug("{} went with its model", id);
      }
    }
  }

  String text(Throwable failure) {
    return texts.apply(failure);
  }

  @Override
  public void close() {
    List<String> names;
    synchronized (this) {
      names = new ArrayList<>(loaded.keySet());
    }
    names.forEach(this::lose);
  }
}
