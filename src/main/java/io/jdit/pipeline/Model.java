package io.jdit.pipeline;

import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.BlockRunner;
import java.util.List;
import java.util.function.Function;

/**
 * A model: weights and arithmetic, nothing of a request. All methods are called on one thread;
 * tensors that they return belong to the innermost scope. Generations may take turns on it.
 */
public interface Model extends AutoCloseable {
  /** Transformers by component name, for example {@code transformer} and {@code transformer_2}. */
  default List<String> experts() {
    return List.of("transformer");
  }

  /** The expert that computes the step at {@code timestep}. */
  default String expert(Request request, float timestep) {
    return experts().get(0);
  }

  /**
   * What all guidance branches of a request are conditioned on alike, for one output: encoded
   * pictures. Every branch's condition has these tensors too.
   *
   * @param notes takes what the user should know
   */
  default Condition encodeShared(Request request, List<String> notes) {
    return Condition.none();
  }

  /**
   * All that {@link #encodeShared} depends on, compared by {@code equals}: where it is equal, the
   * condition of an earlier request serves. Empty where nothing is kept.
   */
  default List<Object> sharedInputs(Request request) {
    return List.of();
  }

  /**
   * What a guidance branch is conditioned on, for one output.
   *
   * @param branch 0 is the positive one
   * @param notes takes what the user should know, for example what was cut off
   */
  Condition encode(Request request, int branch, List<String> notes);

  /** All that {@link #encode} of a branch depends on, as {@link #sharedInputs}. */
  default List<Object> inputs(Request request, int branch) {
    return List.of();
  }

  /** Everything of a request is encoded: encoders may go. */
  default void encoded() {}

  /** All steps of a request are taken: transformers may go. */
  default void denoised() {}

  /**
   * A condition of the shapes that {@link #encodeShared} and {@link #encode} give together, of any
   * content: for measuring without encoders.
   *
   * @param numbers makes a tensor of a shape, in the model's dtype and on its device
   */
  Condition example(Request request, Function<long[], Tensor> numbers);

  Guidance guidance(Request request);

  /** The scheduler's steps, with the history of this generation. */
  Trajectory trajectory(Request request);

  /**
   * The latents that the first step starts from, all outputs of the request in one batch.
   *
   * @param noise generator with the request's seed
   */
  Tensor start(Request request, Generator noise);

  /**
   * The output of the transformer for one branch.
   *
   * @param latents as {@link #start} made them or the trajectory stepped them, [B, ...]
   * @param request of the first row; other rows may be of other requests of the same {@link
   *     #layout}
   * @param condition for B rows
   * @param timesteps of each row, what the scheduler tells the model; all of one expert
   */
  Tensor predict(
      Request request, Tensor latents, Condition condition, float[] timesteps, BlockRunner runner);

  /**
   * What calls have in common, besides the shapes of their tensors, when they may be rows of one
   * batch: whatever {@link #predict} takes from the request, or from one row for all.
   */
  default Object layout(Request request, Condition condition) {
    return List.of(request.height(), request.width());
  }

  /**
   * The latents after the last step: some models put back what was given by a picture.
   *
   * @param condition of the positive branch
   */
  default Tensor finish(Request request, Tensor latents, Condition condition) {
    return latents;
  }

  /**
   * Turns final latents into pictures or frames, one output after the other.
   *
   * @param condition of the positive branch
   */
  void decode(Request request, Tensor latents, Condition condition, FrameSink out);

  /** Frees the weights. */
  @Override
  void close();
}
