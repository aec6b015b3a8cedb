package io.jdit.pipeline;

import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
  private final Acceleration.Factory accelerations;
  private final TensorScope owner = TensorScope.unbound();
  private final Map<String, Acceleration> byExpert = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();
  private final List<Condition> conditions = new ArrayList<>();
  private Guidance guidance;
  private Trajectory trajectory;
  private Tensor latents;
  private int done;

  /**
   * @param accelerations makes the state of each expert that the request uses
   */
  public Generation(
      Model model, Request request, Branches branches, Acceleration.Factory accelerations) {
    this.model = model;
    this.request = request;
    this.branches = branches;
    this.accelerations = accelerations;
    notes.addAll(request.notes());
  }

  /** Encodes what the request is conditioned on, and draws the noise. */
  public void encode() {
    guidance = model.guidance(request);
    trajectory = model.trajectory(request);
    try (TensorScope scope = TensorScope.open()) {
      for (int branch = 0; branch < guidance.most(); branch++) {
        Condition one = model.encode(request, branch, notes);
        conditions.add(one.repeated(request.outputs()).ownedBy(owner));
      }
      try (Generator noise = new Generator(request.seed())) {
        latents = TensorScope.detach(model.start(request, noise));
      }
    }
    begin();
  }

  /** Makes the accelerations; an expert's outline counts the steps that it computes. */
  private void begin() {
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
            byExpert.put(
                expert,
                accelerations.begin(
                    new Acceleration.Outline(expert, count, calls.get(expert)))));
  }

  private int callsHere(int count) {
    return oneBatch(count) ? 1 : branches.callsHere(count);
  }

  /** Branches on ranks of their own are calls of their own. */
  private boolean oneBatch(int count) {
    return guidance.oneBatch() && branches.callsHere(count) == count;
  }

  public Request request() {
    return request;
  }

  public int steps() {
    return trajectory.steps();
  }

  /** Steps that were taken. */
  public int stepsDone() {
    return done;
  }

  public boolean done() {
    return done == trajectory.steps();
  }

  /**
   * Takes the next denoising step.
   *
   * @throws NotFiniteException when it gave values that are not finite
   */
  public void step() {
    float t = trajectory.timestep(done);
    String expert = model.expert(request, t);
    Acceleration acceleration = byExpert.get(expert);
    Tensor next;
    try (TensorScope scope = TensorScope.open()) {
      int count = guidance.branches(t);
      Tensor[] outputs =
          oneBatch(count)
              ? inOneBatch(acceleration, count, t)
              : branches.run(count, b -> output(acceleration, b, latents, conditions.get(b), t));
      Tensor v = guidance.combine(outputs, expert);
      next = TensorScope.detach(trajectory.step(done, latents, v));
    }
    latents.close();
    latents = next;
    done++;
    NotFiniteException.require(latents, "denoising step " + done + " of " + steps());
  }

  private Tensor[] inOneBatch(Acceleration acceleration, int count, float t) {
    Tensor[] copies = new Tensor[count];
    Arrays.fill(copies, latents);
    Condition all = Condition.joined(conditions.subList(0, count));
    return output(acceleration, 0, Tensor.cat(0, copies), all, t).chunk(count, 0);
  }

  private Tensor output(
      Acceleration acceleration, int branch, Tensor x, Condition condition, float t) {
    Acceleration.Call call =
        new Acceleration.Call(done, branch, t, trajectory.sigma(done), x);
    Tensor forecast = acceleration.forecast(call);
    if (forecast != null) {
      return forecast;
    }
    Tensor computed = model.predict(request, x, condition, t, acceleration.runner());
    acceleration.computed(call, computed);
    return computed;
  }

  /** The latents as they are now; they stay the generation's. */
  public Tensor latents() {
    return latents;
  }

  /** Gives the finished pictures or frames to {@code out}. */
  public void decode(FrameSink out) {
    try (TensorScope scope = TensorScope.open()) {
      model.decode(request, latents, conditions.get(0), out);
    }
  }

  /** What the user should know, for example that a prompt was cut. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** By expert; what they found out can be read after the generation is closed. */
  public Map<String, Acceleration> accelerations() {
    return Collections.unmodifiableMap(byExpert);
  }

  @Override
  public void close() {
    byExpert.values().forEach(Acceleration::close);
    if (trajectory != null) {
      trajectory.close();
    }
    if (latents != null) {
      latents.close();
    }
    owner.close();
  }
}
