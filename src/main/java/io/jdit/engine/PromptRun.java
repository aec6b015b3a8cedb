package io.jdit.engine;

import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Request;
import io.jdit.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The prompts of a command line, to files of pictures or videos. Replicas take turns. */
public final class PromptRun {
  /** What ranks do with frames that another one writes. */
  static final FrameSink DISCARD = (output, frame, picture) -> {};

  private final Job job;
  private final StageReport report;
  private final List<CacheOutcome> outcomes = new ArrayList<>();
  private final List<SavedPicture> saved = new ArrayList<>();

  public PromptRun(Job job) {
    this.job = job;
    this.report = job.report();
  }

  /** Runs all requests, which are checked before the model is loaded. */
  public void run(List<Values> requests) throws Exception {
    Parameters parameters = Engine.parameters(job.folder());
    List<Request> resolved = requests.stream().map(parameters::resolve).toList();
    int pictures = resolved.stream().mapToInt(Request::outputs).sum();
    job.output().requireNames(requests.size(), pictures);
    RankSession session = job.session();
    session.requireSame(
        "what is drawn", resolved.stream().map(job.provenance()::settings).toList());
    try (Engine engine = job.load(report, requests.get(0))) {
      int first = 0;
      for (int i = 0; i < requests.size(); i++) {
        if (i % session.replicas() == session.replica()) {
          generate(engine, requests.get(i), i, requests.size(), first, pictures);
        }
        first += resolved.get(i).outputs();
      }
    }
    finish(resolved.get(resolved.size() - 1));
  }

  private void generate(
      Engine engine, Values request, int index, int count, int first, int pictures)
      throws Exception {
    RankSession session = job.session();
    Console console = job.console();
    Request resolved = engine.parameters().resolve(request);
    try (Console.Watch watch = session.watched(console.watch());
        RequestFiles files = files(resolved, first, pictures);
        Result result =
            engine.generate(
                request, job.acceleration(), watch, session.writes() ? files : DISCARD)) {
      result.notes().forEach(n -> console.info("warning: " + n));
      report.addAll(result.report());
      if (session.writes()) {
        CacheOutcome.of(result).ifPresent(outcome -> cached(outcome, result, files, index, count));
        session.stage("save");
        report.measure("save", () -> save(result, files, index, count));
      }
    } catch (UncheckedIOException e) {
      throw e.getCause(); // a frame that cannot be written, on the model's thread
    }
  }

  private RequestFiles files(Request request, int first, int pictures) {
    Output output = job.output();
    LocalDateTime now = LocalDateTime.now();
    int sharing = output.fileName() == null && request.outputs() == 1 ? 1 : pictures;
    List<String> names = new ArrayList<>();
    for (int i = 0; i < request.outputs(); i++) {
      names.add(output.name(request, now, first + i, sharing));
    }
    return new RequestFiles(output, request, names, job.provenance().texts(request));
  }

  private void cached(
      CacheOutcome outcome, Result result, RequestFiles files, int index, int count) {
    outcomes.add(outcome);
    outcome.print(job.console());
    Path page = job.output().cacheReport();
    if (page != null) {
      Path numbered = Output.numbered(page, index, count);
      outcome.writePage(numbered, result, files.views().get(0), job.provenance());
    }
  }

  private Void save(Result result, RequestFiles files, int index, int count) throws IOException {
    Output output = job.output();
    List<Picture> views = files.views();
    for (int i = 0; i < views.size(); i++) {
      files.save(i);
      Path file = files.path(i);
      saved.add(new SavedPicture(file, result.request().seed()));
      if (!job.session().passesOn(file.toString())) {
        job.console().saved(file, views.get(i));
      }
    }
    if (output.latents() != null) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", result.latents());
      SafeTensorsWriter.write(Output.numbered(output.latents(), index, count), tensors);
    }
    return null;
  }

  /** The summary is that of the first rank, with the pictures of all. */
  private void finish(Request last) throws IOException {
    long[] rankPeaks = job.session().finish(report);
    List<SavedPicture> all = job.session().gather(saved);
    if (job.session().first()) {
      RunSummary summary = new RunSummary(job.provenance(), last, report, rankPeaks, all, outcomes);
      summary.print(job.console());
      if (job.output().perfDump() != null) {
        summary.write(job.output().perfDump());
      }
    }
  }
}
