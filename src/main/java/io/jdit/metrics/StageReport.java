package io.jdit.metrics;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * Times and peak memory of the stages of a run, and the time of every denoising step. Stages with
 * one name add up.
 */
public final class StageReport {
  /**
   * A stage.
   *
   * @param peakResident largest resident memory of the process during the stage, in bytes
   */
  public record Stage(String name, double milliseconds, long resident, long peakResident) {}

  private final List<Stage> stages = new ArrayList<>();
  private final List<Double> denoiseSteps = new ArrayList<>();

  /** Runs {@code work} as the stage {@code name}. */
  public <T> T measure(String name, Callable<T> work) throws Exception {
    Memory.resetPeak();
    long start = System.nanoTime();
    T result = work.call();
    add(
        new Stage(
            name, (System.nanoTime() - start) / 1e6, Memory.resident(), Memory.peakResident()));
    return result;
  }

  public void add(Stage stage) {
    for (int i = 0; i < stages.size(); i++) {
      Stage s = stages.get(i);
      if (s.name.equals(stage.name)) {
        stages.set(
            i,
            new Stage(
                s.name,
                s.milliseconds + stage.milliseconds,
                stage.resident,
                Math.max(s.peakResident, stage.peakResident)));
        return;
      }
    }
    stages.add(stage);
  }

  public void addStep(double milliseconds) {
    denoiseSteps.add(milliseconds);
  }

  /** Adds the stages and steps of another report. */
  public void addAll(StageReport other) {
    other.stages.forEach(this::add);
    denoiseSteps.addAll(other.denoiseSteps);
  }

  public List<Stage> stages() {
    return List.copyOf(stages);
  }

  /** Largest resident memory of the process in any stage, in bytes. */
  public long peakResident() {
    return stages.stream().mapToLong(Stage::peakResident).max().orElse(0);
  }

  /** Milliseconds of each denoising step, in order. */
  public List<Double> denoiseSteps() {
    return List.copyOf(denoiseSteps);
  }

  public double totalMilliseconds() {
    return stages.stream().mapToDouble(Stage::milliseconds).sum();
  }
}
