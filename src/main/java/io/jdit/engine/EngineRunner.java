package io.jdit.engine;

import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.Values;
import io.jdit.engine.serve.CacheChoice;
import io.jdit.engine.serve.Finished;
import io.jdit.engine.serve.Place;
import io.jdit.engine.serve.StepOutcome;
import io.jdit.engine.serve.StepRunner;
import io.jdit.engine.serve.Target;
import io.jdit.media.OutputKind;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.metrics.Memory;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.NotFiniteException;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;

/** Computes generations of a model in this process: alone, or as one rank of several. */
public final class EngineRunner implements StepRunner {
  private final Engine engine;
  private final Provenance provenance;
  private final Acceleration.Factory own;
  private final Function<ResolvedCacheConfig, Acceleration.Factory> caches;
  private final boolean writes;
  private final LatentPreview preview = new LatentPreview();
  private final Map<String, Running> running = new HashMap<>();

  /** A generation and what was measured of it. */
  private record Running(Generation generation, Provenance provenance, StageReport report) {}

  /**
   * @param engine closed with this
   * @param own acceleration of requests that ask for none of their own
   * @param session of the rank that this is, or of one process
   */
  public EngineRunner(
      Engine engine, Provenance provenance, Acceleration.Factory own, RankSession session) {
    this.engine = engine;
    this.provenance = provenance;
    this.own = own;
    this.caches = asked -> session.cache(asked, engine.profiles());
    this.writes = session.writes();
  }

  @Override
  public Place begin(String id, Values values, CacheChoice cache, boolean previews) {
    Request request = engine.parameters().resolve(values);
    MemoryCheck.requirePixels(request, Memory.available());
    ResolvedCacheConfig asked = cache == null ? null : RequestCache.resolve(cache);
    Acceleration.Factory acceleration = asked == null ? own : caches.apply(asked);
    Provenance from =
        asked == null
            ? provenance
            : new Provenance(provenance.model(), provenance.strategies(), asked.toMap());
    return onDevice(
        request,
        () -> {
          Generation generation = engine.begin(request, acceleration);
          try {
            Running begun = new Running(generation, from, engine.report());
            begun.report.measure(
                "text_encode",
                () -> {
                  generation.encode();
                  return null;
                });
            if (previews) {
              generation.keepEstimate();
            }
            running.put(id, begun);
            return place(generation);
          } catch (Exception | Error e) {
            generation.close();
            throw e;
          }
        });
  }

  private static Place place(Generation generation) {
    boolean done = generation.done();
    Object key = done ? null : generation.batchKey();
    return new Place(
        generation.stepsDone(),
        generation.steps(),
        done ? null : generation.expert(),
        key == null ? null : key.toString());
  }

  @Override
  public List<StepOutcome> step(List<String> ids) {
    List<Running> tasks = ids.stream().map(this::require).toList();
    List<Generation> generations = tasks.stream().map(Running::generation).toList();
    return onDevice(
        generations.get(0).request(),
        () -> {
          StageReport joint = engine.report();
          joint.measure(
              "denoise",
              () -> {
                joint.step(() -> Generation.step(generations));
                return null;
              });
          tasks.forEach(t -> t.report.addAll(joint));
          return generations.stream().map(EngineRunner::outcome).toList();
        });
  }

  private static StepOutcome outcome(Generation generation) {
    try {
      generation.requireFinite();
      return StepOutcome.at(place(generation));
    } catch (NotFiniteException e) {
      return StepOutcome.failed(e.getMessage());
    }
  }

  @Override
  public byte[] preview(String id) {
    Generation generation = require(id).generation;
    Picture picture =
        engine.call(
            () ->
                generation.estimate() == null
                    ? null
                    : preview.picture(generation.request(), generation.estimate()));
    try {
      return picture == null ? null : PngWriter.encode(picture, Map.of());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Finished finish(String id, Target target) {
    Running task = require(id);
    Generation generation = task.generation;
    Request request = generation.request();
    OutputKind kind = engine.parameters().kind();
    Output output =
        new Output(kind, target.folder(), target.base(), target.quality(), null, null, null);
    List<String> names = target.names(request.outputs());
    return onDevice(
        request,
        () -> {
          try (RequestFiles files =
              new RequestFiles(output, request, names, task.provenance.texts(request))) {
            FrameSink sink = writes ? files : PromptRun.DISCARD;
            task.report.measure(
                "decode",
                () -> {
                  generation.decode(learning(generation, sink));
                  return null;
                });
            List<String> views =
                writes ? task.report.measure("save", () -> save(files, target, names)) : List.of();
            Finished finished = finished(task, names, views);
            generation.close();
            return finished;
          }
        });
  }

  /** Lets previews learn from the first output's picture or middle frame. */
  private FrameSink learning(Generation generation, FrameSink sink) {
    Request request = generation.request();
    boolean video = engine.parameters().kind() == OutputKind.VIDEO;
    int middle = video ? request.get(RequestKeys.NUM_FRAMES) / 2 : 0;
    return (output, frame, picture) -> {
      if (output == 0 && frame == middle) {
        preview.learn(request, generation.latents(), picture);
      }
      sink.frame(output, frame, picture);
    };
  }

  /** Completes the files; of videos also a thumbnail and a contact sheet. */
  private static List<String> save(RequestFiles files, Target target, List<String> names)
      throws IOException {
    List<String> views = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      files.save(i);
    }
    List<Picture> thumbnails = files.thumbnails();
    for (int i = 0; i < thumbnails.size(); i++) {
      String stem = names.get(i).substring(0, names.get(i).lastIndexOf('.'));
      views.add(view(target, stem + ".thumbnail.jpg", thumbnails.get(i)));
      views.add(view(target, stem + ".spritesheet.jpg", files.views().get(i)));
    }
    return views;
  }

  private static String view(Target target, String name, Picture picture) throws IOException {
    PictureFile.write(target.folder().resolve(name), picture, null, Map.of());
    return name;
  }

  private static Finished finished(Running task, List<String> names, List<String> views) {
    Map<String, Double> stages = new LinkedHashMap<>();
    task.report.stages().forEach(s -> stages.put(s.name(), s.milliseconds()));
    List<Double> steps = task.report.denoiseSteps();
    return new Finished(
        names,
        views,
        task.generation.notes(),
        task.provenance.settings(task.generation.request()),
        stages,
        steps,
        CacheOutcome.of(task.generation.accelerations().values(), steps)
            .map(CacheOutcome::toMap)
            .orElse(Map.of()),
        task.generation.textTokens(),
        LatentPreview.positions(task.generation.latents()),
        task.report.peakAllocated());
  }

  @Override
  public void drop(String id) {
    Running task = running.remove(id);
    if (task != null) {
      engine.call(
          () -> {
            task.generation.close();
            return null;
          });
    }
  }

  private Running require(String id) {
    Running task = running.get(id);
    if (task == null) {
      throw new IllegalStateException("no generation " + id + " is running");
    }
    return task;
  }

  private <T> T onDevice(Request request, Callable<T> work) {
    return engine.call(request, work);
  }

  @Override
  public String about() {
    return engine.toString();
  }

  @Override
  public void close() {
    List.copyOf(running.keySet()).forEach(this::drop);
    engine.close();
  }
}
