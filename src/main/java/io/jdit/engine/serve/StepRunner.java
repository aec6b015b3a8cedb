package io.jdit.engine.serve;

import io.jdit.config.Values;
import java.util.List;

/**
 * Computes tasks of one model step by step, each known by a name that the caller chooses: on a
 * model in this process, or on ranks that hold one between them. One thread at a time.
 *
 * <p>Every method throws {@link RunnerLostException} when what computes is gone; any other failure
 * is that of the generations named.
 */
public interface StepRunner extends AutoCloseable {
  /**
   * Begins a task: prompt and pictures are encoded, the noise is drawn. It is held until {@link
   * #drop}.
   *
   * @param requests one, or several that differ in their seeds: a generation for each, which take
   *     their steps together
   * @param cache null for the model's own settings
   * @param previews whether {@link #preview} will be asked for
   * @throws IllegalArgumentException when the request does not fit the model
   */
  Place begin(String id, List<Values> requests, CacheChoice cache, boolean previews);

  /**
   * Takes the next step of each, together.
   *
   * @param ids of equal batch keys, or a single one
   * @return in their order
   */
  List<StepOutcome> step(List<String> ids);

  /** A coarse picture (PNG) of what the generation tends to; null where there is none yet. */
  byte[] preview(String id);

  /** Decodes and writes what was drawn. */
  Finished finish(String id, Target target);

  /** Frees a generation, finished or not; unknown names are ignored. */
  void drop(String id);

  /** One line: model, dtype, device or ranks. */
  String about();

  @Override
  void close();
}
