package io.jdit.engine;

import io.jdit.cache.forecast.Calibration;
import io.jdit.cache.forecast.CalibrationRuns;
import io.jdit.cache.forecast.Conditions;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.Notes;
import io.jdit.config.Values;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Request;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Calibrates the forecast cache of a loaded model on requests that differ in prompt and seed. */
public final class EngineCalibration implements CalibrationRuns {
  /** Bytes of velocities that are held in memory; those of videos are more. */
  private static final long MEMORY = 512L << 20;

  private final Engine engine;
  private final List<Request> requests;
  private final Conditions conditions;

  /**
   * @throws IllegalArgumentException when a request does not fit the model, or two of them differ
   *     in more than prompt and seed
   */
  public EngineCalibration(Engine engine, List<Values> requests) {
    this.engine = engine;
    this.requests = requests.stream().map(engine.parameters()::resolve).toList();
    this.conditions = engine.profiles().conditions(this.requests.get(0).values());
    for (Request r : this.requests) {
      if (!engine.profiles().conditions(r.values()).equals(conditions)) {
        throw new IllegalArgumentException(
            "a profile is of one size, number of steps and guidance: "
                + conditions
                + " and "
                + engine.profiles().conditions(r.values())
                + " need one each");
      }
    }
  }

  /**
   * Runs the calibration.
   *
   * @param notes of one that was killed, with the same requests
   */
  public ForecastProfile run(Notes notes, Consumer<String> progress) {
    try {
      Path spill = Files.createTempDirectory("jdit-calibration");
      try {
        return new Calibration(this, conditions, MEMORY, spill, notes, progress).run();
      } finally {
        Files.delete(spill);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public int samples() {
    return requests.size();
  }

  @Override
  public float[] run(int sample, Acceleration.Factory acceleration, GuidedVelocity guided) {
    Request request = requests.get(sample);
    return engine.call(
        request,
        () -> {
          try (Generation generation = engine.begin(request, acceleration)) {
            generation.encode();
            generation.keepEstimate();
            while (!generation.done()) {
              step(generation, guided);
            }
            return generation.latents().toFloats();
          }
        });
  }

  private static void step(Generation generation, GuidedVelocity guided) {
    String expert = generation.expert();
    double sigma = generation.sigma();
    try (TensorScope scope = TensorScope.open()) {
      Tensor before = generation.latents().copy();
      generation.step();
      guided.of(expert, before.sub(generation.estimate()).div(sigma));
    }
  }
}
