package io.jdit.engine;

import io.jdit.config.Values;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.Progress;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;

/**
 * What a run of any number of requests is made with.
 *
 * @param folder of the model
 * @param threads of one operator on the CPU; 0 keeps LibTorch's choice
 * @param acceleration of every generation
 * @param warmup whether the first request is run once unmeasured
 */
public record Job(
    Path folder,
    Provenance provenance,
    int threads,
    Acceleration.Factory acceleration,
    Output output,
    boolean warmup,
    RankSession session,
    Console console) {

  /** Loads the model as the stage {@code load} of {@code report}, and warms it up. */
  Engine load(StageReport report, Values first) throws Exception {
    session.stage("load");
    Engine engine =
        report.measure("load", () -> Engine.load(folder, provenance.strategies(), threads, first));
    console.info(engine.toString());
    engine.placement().forEach(console::info);
    engine.formatReport().forEach(console::info);
    if (warmup) {
      engine.generate(first, acceleration, Progress.NONE, PromptRun.DISCARD).close();
      console.info("warm-up done, not part of the times below");
    }
    return engine;
  }

  /** An empty report that reads the clock and the memory of the job's device. */
  StageReport report() {
    return Engine.report(provenance.strategies().device());
  }
}
