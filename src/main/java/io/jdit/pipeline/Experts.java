package io.jdit.pipeline;

import io.jdit.kernels.GraphRecorder;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockGraphs;
import io.jdit.transformer.BlockRunner;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** What one generation keeps of each expert that it uses, by its name. */
final class Experts implements AutoCloseable {
  private final Acceleration.Factory factory;
  private final Map<String, Acceleration> accelerations = new LinkedHashMap<>();
  private final Map<String, Integer> steps = new HashMap<>();
  private final Map<String, BlockGraphs> graphs = new HashMap<>();
  private final Consumer<String> notes;
  private GraphRecorder recorder; // null where nothing is recorded

  Experts(Acceleration.Factory factory, Consumer<String> notes) {
    this.factory = factory;
    this.notes = notes;
  }

  void recordWith(GraphRecorder graphs) {
    recorder = graphs;
  }

  void begin(Acceleration.Outline outline) {
    accelerations.put(outline.expert(), factory.begin(outline));
  }

  Acceleration acceleration(String expert) {
    return accelerations.get(expert);
  }

  Map<String, Acceleration> accelerations() {
    return Collections.unmodifiableMap(accelerations);
  }

  /** Steps that it has taken. */
  int steps(String expert) {
    return steps.getOrDefault(expert, 0);
  }

  void stepped(String expert) {
    steps.merge(expert, 1, Integer::sum);
  }

  /** Runs its blocks. */
  BlockRunner runner(String expert) {
    BlockRunner runner = acceleration(expert).runner();
    return recorder == null
        ? runner
        : graphs.computeIfAbsent(expert, e -> new BlockGraphs(recorder, notes)).over(runner);
  }

  void closeGraphs() {
    if (!graphs.isEmpty()) {
      graphs.values().forEach(BlockGraphs::close);
      graphs.clear();
      recorder.release();
    }
  }

  @Override
  public void close() {
    closeGraphs();
    accelerations.values().forEach(Acceleration::close);
  }
}
