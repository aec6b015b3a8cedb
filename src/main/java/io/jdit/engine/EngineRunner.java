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

  /** The generations of a task, of equal form, and what was measured of them. */
  private record Running(List<Generation> generations, Provenance provenance, StageReport report) {
    Generation first() {
      return generations.get(0);
    }

    void close() {
      generations.forEach(Generation::close);
    }
  }

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
  public Place begin(String id, List<Values> values, CacheChoice cache, boolean previews) {
    List<Request> requests = values.stream().map(engine.parameters()::resolve).toList();
    MemoryCheck.requirePixels(requests.get(0), Memory.available());
    ResolvedCacheConfig asked = cache == null ? null : RequestCache.resolve(cache);
    Acceleration.Factory acceleration = asked == null ? own : caches.apply(asked);
    Provenance from =
        asked == null
            ? provenance
            : new Provenance(provenance.model(), provenance.strategies(), asked.toMap());
    return engine.call(
        requests.get(0),
        () -> {
          Running begun = new Running(new ArrayList<>(), from, engine.report());
          try {
            for (Request request : requests) {
              Generation generation = engine.begin(request, acceleration);
              begun.generations.add(generation);
              begun.report.measure(
                  "text_encode",
                  () -> {
                    generation.encode();
                    return null;
                  });
            }
            if (previews) {
              begun.first().keepEstimate();
            }
            running.put(id, begun);
            return place(begun.first());
          } catch (Exception | Error e) {
            begun.close();
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
    List<Generation> generations = tasks.stream().flatMap(t -> t.generations.stream()).toList();
    boolean together = tasks.get(0).first().batchKey() != null;
    return engine.call(
        generations.get(0).request(),
        () -> {
          StageReport joint = engine.report();
          joint.measure(
              "denoise",
              () -> {
                joint.step(
                    () -> {
                      if (together) {
                        Generation.step(generations);
                      } else {
                        generations.forEach(g -> Generation.step(List.of(g)));
                      }
                    });
                generations.stream().filter(Generation::done).forEach(Generation::denoised);
                return null;
              });
          tasks.forEach(t -> t.report.addAll(joint));
          return tasks.stream().map(EngineRunner::outcome).toList();
        });
  }

  private static StepOutcome outcome(Running task) {
    try {
      task.generations.forEach(Generation::requireFinite);
      return StepOutcome.at(place(task.first()));
    } catch (NotFiniteException e) {
      return StepOutcome.failed(e.getMessage());
    }
  }

  @Override
  public byte[] preview(String id) {
    Generation generation = require(id).first();
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
    int each = task.first().request().outputs();
    List<String> names = target.names(each * task.generations.size());
    return engine.call(
        task.first().request(),
        () -> {
          List<String> views = new ArrayList<>();
          for (int i = 0; i < task.generations.size(); i++) {
            List<String> own = names.subList(i * each, (i + 1) * each);
            views.addAll(finish(task, task.generations.get(i), target, own));
          }
          Finished finished = finished(task, names, views);
          task.close();
          return finished;
        });
  }

  /**
   * @return names of small views
   */
  private List<String> finish(
      Running task, Generation generation, Target target, List<String> names) throws Exception {
    Request request = generation.request();
    Output output =
        new Output(
            engine.parameters().kind(),
            target.folder(),
            target.base(),
            target.quality(),
            null,
            null,
            null);
    try (RequestFiles files =
        new RequestFiles(output, request, names, task.provenance.texts(request))) {
      FrameSink sink = writes ? files : PromptRun.DISCARD;
      task.report.measure(
          "decode",
          () -> {
            generation.decode(learning(generation, sink));
            return null;
          });
      return writes ? task.report.measure("save", () -> save(files, target, names)) : List.of();
    }
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
    List<Generation> all = task.generations;
    Map<String, Object> settings = task.provenance.settings(task.first().request());
    if (all.size() > 1) {
      settings.put(RequestKeys.SEED.name(), all.stream().map(g -> g.request().seed()).toList());
    }
    return new Finished(
        names,
        views,
        all.stream().flatMap(g -> g.notes().stream()).distinct().toList(),
        settings,
        stages,
        steps,
        CacheOutcome.of(task.first().accelerations().values(), steps)
            .map(CacheOutcome::toMap)
            .orElse(Map.of()),
        task.first().textTokens(),
        all.stream().mapToLong(g -> LatentPreview.positions(g.latents())).sum(),
        task.report.peakAllocated());
  }

  @Override
  public void drop(String id) {
    Running task = running.remove(id);
    if (task != null) {
      engine.call(
          () -> {
            task.close();
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

  @Override
  public String about() {
    return engine + "; " + String.join("; ", engine.placement());
  }

  @Override
  public void close() {
    List.copyOf(running.keySet()).forEach(this::drop);
    engine.close();
  }
}
