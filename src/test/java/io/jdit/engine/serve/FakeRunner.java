package io.jdit.engine.serve;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Counts steps instead of computing them. A prompt says what happens: {@code kind:K} shares its
 * steps with others of that kind, {@code alone} with nobody, {@code bad} is refused, {@code nan}
 * fails in its second step, {@code broken} cannot be decoded, {@code deadly} ends the runner.
 */
final class FakeRunner implements StepRunner {
  final List<List<String>> steps = Collections.synchronizedList(new ArrayList<>());
  final Set<String> held = Collections.synchronizedSet(new TreeSet<>());
  volatile int millisPerStep;
  volatile boolean closed;

  private final Map<String, String> prompts = new HashMap<>();
  private final Map<String, Integer> done = new HashMap<>();
  private final Map<String, Integer> all = new HashMap<>();

  @Override
  public Place begin(String id, List<Values> requests, CacheChoice cache, boolean previews) {
    Values request = requests.get(0);
    String prompt = request.get(RequestKeys.PROMPT);
    if (prompt.equals("bad")) {
      throw new IllegalArgumentException("this request is bad");
    }
    held.add(id);
    prompts.put(id, prompt);
    done.put(id, 0);
    all.put(id, request.get(RequestKeys.NUM_INFERENCE_STEPS));
    return place(id);
  }

  private Place place(String id) {
    String prompt = prompts.get(id);
    String key = prompt.startsWith("kind:") ? prompt : null;
    return new Place(done.get(id), all.get(id), "transformer", key);
  }

  @Override
  public List<StepOutcome> step(List<String> ids) {
    steps.add(List.copyOf(ids));
    try {
      Thread.sleep(millisPerStep);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    List<StepOutcome> outcomes = new ArrayList<>();
    for (String id : ids) {
      if (prompts.get(id).equals("deadly")) {
        throw new RunnerLostException("rank 1 is gone");
      }
      done.merge(id, 1, Integer::sum);
      boolean nan = prompts.get(id).equals("nan") && done.get(id) == 2;
      outcomes.add(nan ? StepOutcome.failed("not finite") : StepOutcome.at(place(id)));
    }
    return outcomes;
  }

  @Override
  public byte[] preview(String id) {
    return new byte[] {done.get(id).byteValue()};
  }

  @Override
  public Finished finish(String id, Target target) {
    if (prompts.get(id).equals("broken")) {
      throw new IllegalStateException("cannot be decoded");
    }
    return new Finished(
        target.names(1), List.of(), List.of(), Map.of(), Map.of(), List.of(), Map.of(), 0, 0, 0);
  }

  @Override
  public void drop(String id) {
    held.remove(id);
  }

  @Override
  public String about() {
    return "fake";
  }

  @Override
  public void close() {
    closed = true;
    held.clear();
  }
}
