package io.jdit.server;

import io.jdit.attention.FusedAttention;
import io.jdit.engine.Engine;
import io.jdit.engine.EngineRunner;
import io.jdit.engine.Provenance;
import io.jdit.engine.RankSession;
import io.jdit.engine.serve.ServedModel;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import io.jdit.testing.Fixture;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.Map;

/** Models of the fixtures as a server serves them. */
final class ServedModelsForTests {
  static final Path SHAPES = Path.of("models/shapes");

  private ServedModelsForTests() {}

  static ServedModel shapes() {
    return of("shapes", SHAPES, Acceleration.none());
  }

  static ServedModel fixture(String name) {
    return of(name, Fixture.ROOT.resolve(name).resolve("pipeline"), Acceleration.none());
  }

  static ServedModel of(String name, Path folder, Acceleration.Factory acceleration) {
    return new ServedModel(
        name,
        folder.toString(),
        Engine.parameters(folder),
        alone -> {
          Strategies strategies = Strategies.cpu();
          return new EngineRunner(
              Engine.load(folder, strategies),
              new Provenance(name, strategies, Map.of()),
              acceleration,
              RankSession.alone(Device.CPU, new FusedAttention()));
        });
  }
}
