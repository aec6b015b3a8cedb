package io.jdit.metrics;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * Times and peak memory of the stages of a run, and the time of every denoising step. Stages with
 * one name add up.
 */
public final class StageReport {
  /** A stage. */
  public record Stage(String name, double milliseconds, MemoryProbe.Figures memory) {}

  private final MemoryProbe probe;
  private final Runnable synchronize;
  private final List<Stage> stages = new ArrayList<>();
  private final List<Double> denoiseSteps = new ArrayList<>();

  /** A report of a process that computes on the CPU. */
  public StageReport() {
    this(MemoryProbe.process(), () -> {});
  }

  /**
   * @param synchronize waits for the device, before a clock is read
   */
  public StageReport(MemoryProbe probe, Runnable synchronize) {
    this.probe = probe;
    this.synchronize = synchronize;
  }

  /** Runs {@code work} as the stage {@code name}. */
  public <T> T measure(String name, Callable<T> work) throws Exception {
    probe.reset();
    long start = Unmeasured.clock();
    T result;
    try (Trace.Span span = Trace.span(Trace.Kind.STAGE, name)) {
      result = work.call();
    }
    synchronize.run();
    add(new Stage(name, (Unmeasured.clock() - start) / 1e6, probe.read()));
    return result;
  }

  public void add(Stage stage) {
    for (int i = 0; i < stages.size(); i++) {
      Stage s = stages.get(i);
      if (s.name.equals(stage.name)) {
        stages.set(
            i, new Stage(s.name, s.milliseconds + stage.milliseconds, s.memory.then(stage.memory)));
        return;
      }
    }
    stages.add(stage);
  }

  /** Runs a denoising step. */
  public void step(Runnable work) {
    long start = Unmeasured.clock();
    try (Trace.Span span = Trace.span(Trace.Kind.STEP, "step " + (denoiseSteps.size() + 1))) {
      work.run();
    }
    synchronize.run();
    denoiseSteps.add((Unmeasured.clock() - start) / 1e6);
  }

  /** Adds the stages and steps of another report. */
  public void addAll(StageReport other) {
    other.stages.forEach(this::add);
    denoiseSteps.addAll(other.denoiseSteps);
  }

  public List<Stage> stages() {
    return List.copyOf(stages);
  }

  /** Largest memory in use in any stage, in bytes. */
  public long peakAllocated() {
    return stages.stream().mapToLong(s -> s.memory.peakAllocated()).max().orElse(0);
  }

  /** Milliseconds of each denoising step, in order. */
  public List<Double> denoiseSteps() {
    return List.copyOf(denoiseSteps);
  }

  public double totalMilliseconds() {
    return stages.stream().mapToDouble(Stage::milliseconds).sum();
  }
}
