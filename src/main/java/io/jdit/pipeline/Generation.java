package io.jdit.pipeline;

import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Forecast;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
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
  private final Acceleration.Factory accelerations;
  private final KeptConditions kept;
  private final TensorScope owner = TensorScope.unbound();
  private final Map<String, Acceleration> byExpert = new LinkedHashMap<>();
  private final Map<String, Integer> stepOfExpert = new HashMap<>();
  private final List<String> notes = new ArrayList<>();
  private final List<Condition> conditions = new ArrayList<>();
  private Guidance guidance;
  private Trajectory trajectory;
  private Tensor latents;
  private int done;

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
    this.accelerations = accelerations;
    this.kept = kept;
    notes.addAll(request.notes());
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
            byExpert.put(
                expert,
                accelerations.begin(new Acceleration.Outline(expert, count, calls.get(expert)))));
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

  /** Component that computes the next step. */
  public String expert() {
    return model.expert(request, trajectory.timestep(done));
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
    String expert = expert();
    Tensor next;
    try (TensorScope scope = TensorScope.open()) {
      int count = guidance.branches(t);
      Tensor[] outputs =
          oneBatch(count) ? inOneBatch(expert, count) : branches.run(count, b -> output(expert, b));
      Tensor v = guidance.combine(outputs, expert);
      Tensor stepped = trajectory.step(done, latents, v);
      boolean last = done == trajectory.steps() - 1;
      next = TensorScope.detach(last ? model.finish(request, stepped, conditions.get(0)) : stepped);
    }
    latents.close();
    latents = next;
    done++;
    stepOfExpert.merge(expert, 1, Integer::sum);
    NotFiniteException.require(latents, "denoising step " + done + " of " + steps());
  }

  /** One call for all branches; what is forecast and remembered is each branch's own. */
  private Tensor[] inOneBatch(String expert, int count) {
    Acceleration acceleration = byExpert.get(expert);
    Tensor[] outputs = new Tensor[count];
    boolean all = true;
    for (int b = 0; b < count; b++) {
      Forecast forecast = acceleration.forecast(call(expert, b));
      outputs[b] = forecast == null ? null : forecast.value();
      all &= forecast != null;
    }
    if (all) {
      return outputs;
    }
    Tensor[] copies = new Tensor[count];
    Arrays.fill(copies, latents);
    Condition joined = Condition.joined(conditions.subList(0, count));
    outputs = predict(acceleration, Tensor.cat(0, copies), joined).chunk(count, 0);
    for (int b = 0; b < count; b++) {
      acceleration.computed(call(expert, b), outputs[b]);
    }
    return outputs;
  }

  private Tensor output(String expert, int branch) {
    Acceleration acceleration = byExpert.get(expert);
    Acceleration.Call call = call(expert, branch);
    Forecast forecast = acceleration.forecast(call);
    if (forecast != null) {
      return forecast.value();
    }
    Tensor computed = predict(acceleration, latents, conditions.get(branch));
    acceleration.computed(call, computed);
    return computed;
  }

  private Tensor predict(Acceleration acceleration, Tensor x, Condition condition) {
    return model.predict(request, x, condition, trajectory.timestep(done), acceleration.runner());
  }

  private Acceleration.Call call(String expert, int branch) {
    return new Acceleration.Call(
        stepOfExpert.getOrDefault(expert, 0),
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
