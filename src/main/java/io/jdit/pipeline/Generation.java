package io.jdit.pipeline;

import io.jdit.kernels.GraphRecorder;
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/**
 * Everything that belongs to one request while it is run: conditions, latents, the scheduler's
 * history, the state of caches. Whoever runs it calls {@link #encode}, then {@link #step} until
 * {@link #done}, then {@link #decode}; not calling on cancels it. Several may take turns on one
 * model, on the model's thread.
 */
public final class Generation implements AutoCloseable {
  private final Model model;
  private final Request request;
  private final Branches branches;
  private final KeptConditions kept;
  private final TensorScope owner = TensorScope.unbound();
  private final Experts experts;
  private final List<String> notes = new ArrayList<>();
  private final List<Condition> conditions = new ArrayList<>();
  private Guidance guidance;
  private Trajectory trajectory;
  private Tensor latents;
  private boolean estimating;
  private Tensor estimate;
  private int done;
  private boolean closed;

  /** As the other, with nothing of other requests. */
  public Generation(
      Model model, Request request, Branches branches, Acceleration.Factory accelerations) {
    this(model, request, branches, accelerations, new KeptConditions(0));
  }

  /**
   * @param accelerations makes the state of each expert that the request uses
   * @param kept conditions that earlier requests were given
   */
  public Generation(
      Model model,
      Request request,
      Branches branches,
      Acceleration.Factory accelerations,
      KeptConditions kept) {
    this.model = model;
    this.request = request;
    this.branches = branches;
    this.experts = new Experts(accelerations, notes::add);
    this.kept = kept;
    notes.addAll(request.notes());
  }

  /**
   * Lets the blocks of each expert run as graphs.
   *
   * @param graphs of the model's device and thread; null for none
   */
  public void recordWith(GraphRecorder graphs) {
    experts.recordWith(graphs);
  }

  /** Encodes what the request is conditioned on, and draws the noise. */
  public void encode() {
    try {
      begin(
          () ->
              kept.get(
                  key("shared", model.sharedInputs(request)),
                  notes,
                  n -> model.encodeShared(request, n)),
          branch ->
              kept.get(
                  key("branch", model.inputs(request, branch)),
                  notes,
                  n -> model.encode(request, branch, n)));
    } finally {
      model.encoded();
    }
  }

  private static List<Object> key(String kind, List<Object> inputs) {
    return inputs.isEmpty() ? inputs : List.of(kind, inputs);
  }

  /**
   * In place of {@link #encode}: conditions of the same shapes and any content, for measuring
   * without text encoders.
   *
   * @param numbers makes a tensor of a shape, in the model's dtype and on its device
   */
  public void encodeExample(Function<long[], Tensor> numbers) {
    begin(Condition::none, branch -> model.example(request, numbers));
  }

  private void begin(Supplier<Condition> sharedEncoder, IntFunction<Condition> encoder) {
    guidance = model.guidance(request);
    trajectory = model.trajectory(request);
    try (TensorScope scope = TensorScope.open()) {
      Condition shared = sharedEncoder.get().repeated(request.outputs()).ownedBy(owner);
      for (int branch = 0; branch < guidance.most(); branch++) {
        Condition one = encoder.apply(branch);
        conditions.add(one.repeated(request.outputs()).ownedBy(owner).with(shared));
      }
      try (Generator noise = new Generator(request.seed().longValue())) {
        latents = TensorScope.detach(model.start(request, noise));
      }
    }
    accelerate();
  }

  /** Makes the accelerations; an expert's outline counts the steps that it computes. */
  private void accelerate() {
    Map<String, Integer> steps = new LinkedHashMap<>();
    Map<String, Integer> calls = new LinkedHashMap<>();
    for (int i = 0; i < trajectory.steps(); i++) {
      float t = trajectory.timestep(i);
      String expert = model.expert(request, t);
      steps.merge(expert, 1, Integer::sum);
      calls.merge(expert, callsHere(guidance.branches(t)), Math::max);
    }
    steps.forEach(
        (expert, count) ->
            experts.begin(
                new Acceleration.Outline(expert, count, calls.get(expert), request.values())));
  }

  private int callsHere(int count) {
    return oneBatch(count) ? 1 : branches.callsHere(count);
  }

  /** Branches on ranks of their own are calls of their own. */
  boolean oneBatch(int count) {
    return guidance.oneBatch() && branches.callsHere(count) == count;
  }

  public Request request() {
    return request;
  }

  public int steps() {
    return trajectory.steps();
  }

  /** Component that computes the next step. */
  public String expert() {
    return model.expert(request, timestep());
  }

  /** Steps that were taken. */
  public int stepsDone() {
    return done;
  }

  public boolean done() {
    return done == trajectory.steps();
  }

  /** Share of noise in the latents before the next step. */
  public float sigma() {
    return trajectory.sigma(done);
  }

  /**
   * Takes the next denoising step.
   *
   * @throws NotFiniteException when it gave values that are not finite
   */
  public void step() {
    step(List.of(this));
    requireFinite();
  }

  /**
   * Takes the next step of each, their transformer calls as rows of one batch.
   *
   * @param generations on one model, with equal {@link #batchKey}s, or a single one
   */
  public static void step(List<Generation> generations) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] stepped = new JointStep(generations).latents();
      for (int i = 0; i < stepped.length; i++) {
        generations.get(i).stepped(TensorScope.detach(stepped[i]));
      }
    }
  }

  private void stepped(Tensor next) {
    experts.stepped(expert());
    latents.close();
    latents = next;
    done++;
  }

  /**
   * Checks the last step.
   *
   * @throws NotFiniteException when it gave values that are not finite
   */
  public void requireFinite() {
    NotFiniteException.require(latents, "denoising step " + done + " of " + steps());
  }

  /**
   * What the next step has in common with those of other generations that may be taken together
   * with it; null when it is to be taken alone.
   */
  public Object batchKey() {
    if (!acceleration().sharesBatches()) {
      return null;
    }
    Condition first = conditions.get(0);
    return List.of(
        expert(),
        guidance.branches(timestep()),
        model.layout(request, first),
        latents.dtype(),
        JointStep.rowShape(latents),
        conditions.stream().map(Condition::rowShapes).toList());
  }

  /** Of the expert that computes the next step. */
  Acceleration acceleration() {
    return experts.acceleration(expert());
  }

  /** Runs the blocks in the transformer calls of the next step. */
  BlockRunner runner() {
    return experts.runner(expert());
  }

  /** What the model is told at the next step. */
  float timestep() {
    return trajectory.timestep(done);
  }

  Condition condition(int branch) {
    return conditions.get(branch);
  }

  Guidance guidance() {
    return guidance;
  }

  Branches branches() {
    return branches;
  }

  Model model() {
    return model;
  }

  /** The latents after the next step, in the innermost scope. */
  Tensor next(Tensor[] outputs) {
    Tensor velocity = guidance.combine(outputs, expert());
    if (estimating) {
      closeEstimate();
      estimate = TensorScope.detach(latents.sub(velocity.mul(trajectory.sigma(done))));
    }
    Tensor stepped = trajectory.step(done, latents, velocity);
    return done == trajectory.steps() - 1
        ? model.finish(request, stepped, conditions.get(0))
        : stepped;
  }

  /** The next transformer call for a guidance branch. */
  Acceleration.Call call(int branch) {
    return new Acceleration.Call(
        experts.steps(expert()),
        branch,
        trajectory.timestep(done),
        trajectory.sigma(done),
        trajectory.sigma(done + 1),
        latents);
  }

  /** The latents as they are now; they stay the generation's. */
  public Tensor latents() {
    return latents;
  }

  /** Keeps an {@link #estimate} from the next step on: a tensor of the latents' size. */
  public void keepEstimate() {
    estimating = true;
  }

  /**
   * The latents that the last step pointed to, x - sigma v: what the model took the result to be.
   * Null before a step after {@link #keepEstimate}; stays the generation's.
   */
  public Tensor estimate() {
    return estimate;
  }

  private void closeEstimate() {
    if (estimate != null) {
      estimate.close();
    }
  }

  /** All steps are taken: what only they need may go. {@link #decode} begins with this. */
  public void denoised() {
    experts.closeGraphs();
    model.denoised();
  }

  /** Gives the finished pictures or frames to {@code out}. */
  public void decode(FrameSink out) {
    denoised();
    try (TensorScope scope = TensorScope.open()) {
      model.decode(request, latents, conditions.get(0), out);
    }
  }

  /** Positions of the prompt that the transformer attends to; 0 for a model without text. */
  public long textTokens() {
    Condition positive = conditions.get(0);
    return positive.has(Condition.PROMPT_EMBEDS)
        ? positive.get(Condition.PROMPT_EMBEDS).size(1)
        : 0;
  }

  /** What the user should know, for example that a prompt was cut. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** By expert; what they found out can be read after the generation is closed. */
  public Map<String, Acceleration> accelerations() {
    return experts.accelerations();
  }

  /** Frees everything; closing twice does nothing. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    closeEstimate();
    experts.close();
    if (trajectory != null) {
      trajectory.close();
    }
    if (latents != null) {
      latents.close();
    }
    owner.close();
  }
}
