package io.jdit.cli;

import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.media.Picture;
import io.jdit.media.TerminalPreview;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.RequestResolver;
import io.jdit.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** The prompts of a command line, to picture files. Replicas take turns. */
final class PromptRun {
  private final String model;
  private final LoadOptions options;
  private final StageReport report;
  private final boolean cached;
  private final OutputOptions output;
  private final Path cacheReport;
  private final RankSession session;
  private final Terminal terminal;

  /**
   * @param cached whether there is a cache
   * @param cacheReport null for no page
   */
  PromptRun(
      String model,
      LoadOptions options,
      StageReport report,
      boolean cached,
      OutputOptions output,
      Path cacheReport,
      RankSession session,
      Terminal terminal) {
    this.model = model;
    this.options = options;
    this.report = report;
    this.cached = cached;
    this.output = output;
    this.cacheReport = cacheReport;
    this.session = session;
    this.terminal = terminal;
  }

  /**
   * Runs all requests, which are checked before the model is loaded.
   *
   * @param load gives the model
   */
  void run(RequestResolver resolver, Callable<Pipeline> load, List<GenerationRequest> requests)
      throws Exception {
    requests.forEach(resolver::resolve);
    List<CacheOutcome> outcomes = new ArrayList<>();
    List<SavedImage> saved = new ArrayList<>();
    GenerationSettings last = null;
    try (Pipeline pipeline = load.call()) {
      int count = requests.stream().mapToInt(GenerationRequest::images).sum();
      int first = 0;
      for (int i = 0; i < requests.size(); i++) {
        GenerationRequest request = requests.get(i);
        if (i % session.replicas() == session.replica()) {
          int index = first;
          try (StepDisplay display = new StepDisplay(terminal);
              GenerationResult result = pipeline.generate(request, session.watched(display))) {
            last = result.settings();
            result.warnings().forEach(w -> terminal.info("warning: %s", w));
            report.addAll(result.report());
            if (session.writes()) {
              if (cached) {
                outcomes.add(cacheOutcome(result));
              }
              session.stage("save");
              report.measure("save", () -> saved.addAll(save(result, index, count)));
            }
          }
        }
        first += request.images();
      }
    }
    long[] rankPeaks = session.finish(report);
    if (last != null && session.writes()) {
      RunSummary summary = new RunSummary(model, options, last, report, rankPeaks, saved, outcomes);
      summary.print(terminal);
      if (output.perfDumpPath != null && session.replica() == 0) {
        summary.write(output.perfDumpPath);
      }
    }
  }

  private CacheOutcome cacheOutcome(GenerationResult result) throws IOException {
    CacheOutcome outcome = CacheOutcome.of(result);
    outcome.print(terminal);
    if (cacheReport != null) {
      outcome.writePage(cacheReport, result, model, options);
    }
    return outcome;
  }

  private List<SavedImage> save(GenerationResult result, int first, int count) throws IOException {
    GenerationSettings s = result.settings();
    List<SavedImage> saved = new ArrayList<>();
    LocalDateTime now = LocalDateTime.now();
    for (int i = 0; i < result.images().size(); i++) {
      Picture picture = result.images().get(i);
      Path file =
          output.file(
              s.prompt(),
              now,
              s.toString() + i,
              first + i,
              output.outputFileName == null && s.images() == 1 ? 1 : count);
      PictureFile.write(file, picture, PictureTexts.of(s, model, options));
      saved.add(new SavedImage(file, s.seed()));
      terminal.out().println(file);
      if (output.preview == OutputOptions.Preview.ON
          || (output.preview == OutputOptions.Preview.AUTO
              && terminal.colour()
              && !terminal.quiet())) {
        terminal.out().print(TerminalPreview.render(picture, terminal.columns()));
        terminal.out().flush();
      }
    }
    if (output.saveLatents != null) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", result.latents());
      SafeTensorsWriter.write(output.saveLatents, tensors);
    }
    return saved;
  }
}
