package io.jdit.engine;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.Values;
import io.jdit.family.Families;
import io.jdit.media.Picture;
import io.jdit.metrics.Memory;
import io.jdit.metrics.Processors;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.ParallelConfig;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.KeptConditions;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceWorker;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * A loaded model and the thread that it runs on. Safe for use by several threads: generations run
 * one after the other.
 */
public final class Engine implements AutoCloseable {
  private final ModelFolder folder;
  private final Strategies strategies;
  private final DeviceWorker worker;
  private final Parameters parameters;
  private final Model model;
  private final KeptConditions kept;
  private final ForecastProfiles profiles;

  private Engine(
      ModelFolder folder,
      Strategies strategies,
      DeviceWorker worker,
      Parameters parameters,
      Model model) {
    this.folder = folder;
    this.strategies = strategies;
    this.worker = worker;
    this.parameters = parameters;
    this.model = model;
    this.kept = new KeptConditions(strategies.kept());
    this.profiles = new ForecastProfiles(folder.path(), strategies, System.getenv(), line -> {});
  }

  /** Forecast profiles of this model. */
  public ForecastProfiles profiles() {
    return profiles;
  }

  /**
   * As {@link #load(Path, Strategies, int, Values)} with LibTorch's choice of threads and a request
   * of the model's defaults.
   */
  public static Engine load(Path folder, Strategies strategies) {
    return load(folder, strategies, 0, Values.none());
  }

  /**
   * Loads the model in a folder of the diffusers layout.
   *
   * @param threads of one operator on the CPU; 0 keeps LibTorch's choice
   * @param first request that will be run, as far as it is known: what is offloaded depends on its
   *     size
   * @throws ModelFormatException when a file is missing, broken or of an unsupported class
   * @throws OutOfMemoryException when the weights do not fit into free memory; checked before
   *     anything is read
   */
  public static Engine load(Path folder, Strategies given, int threads, Values first) {
    ModelFolder found = ModelFolder.open(folder);
    Parameters parameters = Families.of(found).parameters(found);
    Strategies strategies = given.withFormats(QuantizationSurvey.formats(found, given));
    Device device = strategies.device();
    Strategies placed = MemoryCheck.placed(found, strategies, first);
    DeviceWorker worker = worker(device, threads);
    try {
      Model model = worker.call(() -> Families.of(found).build(found, Profile.traced(placed)));
      return new Engine(found, placed, worker, parameters, model);
    } catch (RuntimeException e) {
      worker.close();
      throw OutOfMemoryException.translate(
          e,
          "the weights of " + folder + " on " + device,
          "use --dtype bfloat16, --performance-mode memory, or split them over several ranks with"
              + " --tp-size");
    } catch (Exception e) {
      worker.close();
      throw new IllegalStateException(e);
    }
  }

  /**
   * The thread of a device, which computes with as many CPU threads as asked for, as
   * OMP_NUM_THREADS says or as the quota of the control groups allows.
   */
  static DeviceWorker worker(Device device, int threads) {
    int chosen = threads;
    if (threads == 0 && System.getenv().getOrDefault("OMP_NUM_THREADS", "").isBlank()) {
      chosen = Processors.limit().isPresent() ? Processors.allowed() : 0;
    }
    return new DeviceWorker("jdit-" + device, device, chosen);
  }

  /**
   * What requests the model in a folder takes, without loading it.
   *
   * @throws ModelFormatException when a configuration is missing, broken or of an unsupported class
   */
  public static Parameters parameters(Path folder) {
    ModelFolder found = ModelFolder.open(folder);
    return Families.of(found).parameters(found);
  }

  /** Transformers of the model in a folder by component name. */
  public static List<String> transformers(Path folder) {
    return ModelFolder.open(folder).components().keySet().stream()
        .filter(c -> c.startsWith("transformer"))
        .toList();
  }

  /**
   * Checks that the weights of several CPU processes fit into this machine's memory.
   *
   * @param layout what each of them loads
   * @throws OutOfMemoryException when they do not
   */
  public static void requireMemory(
      Path folder, Strategies strategies, ParallelConfig layout, int processes) {
    ModelFolder model = ModelFolder.open(folder);
    Strategies held = strategies.withFormats(QuantizationSurvey.formats(model, strategies));
    MemoryCheck.of(model, held).require(layout::holders, processes, Memory.available());
  }

  public Parameters parameters() {
    return parameters;
  }

  /** What was made of the linear layers, in lines; none where all are as they are. */
  public List<String> formatReport() {
    return strategies.formats().report();
  }

  /** An empty report that reads the clock and the memory of this engine's device. */
  public StageReport report() {
    return report(strategies.device());
  }

  static StageReport report(Device device) {
    return new StageReport(DeviceProbe.of(device), () -> Torch.synchronize(device));
  }

  /**
   * Runs one request without acceleration and keeps its pictures in memory.
   *
   * @throws IllegalArgumentException when the request does not fit the model, naming value and
   *     limits
   * @throws GenerationCancelledException when the thread was interrupted
   */
  public Result generate(Values request) {
    return generate(request, Acceleration.none(), Progress.NONE);
  }

  /**
   * Runs one request and keeps its pictures in memory. Interrupting the calling thread ends it at
   * the next denoising step.
   *
   * @throws IllegalArgumentException when the request does not fit the model, naming value and
   *     limits
   * @throws GenerationCancelledException when the thread was interrupted
   */
  public Result generate(Values request, Acceleration.Factory acceleration, Progress progress) {
    List<Picture> pictures = new ArrayList<>();
    return generate(
        request, acceleration, progress, pictures, (output, frame, p) -> pictures.add(p));
  }

  /**
   * As {@link #generate(Values, Acceleration.Factory, Progress)}, with the frames to {@code out} as
   * they come, on the model's thread; the result has no pictures.
   */
  public Result generate(
      Values request, Acceleration.Factory acceleration, Progress progress, FrameSink out) {
    return generate(request, acceleration, progress, List.of(), out);
  }

  private Result generate(
      Values values,
      Acceleration.Factory acceleration,
      Progress progress,
      List<Picture> pictures,
      FrameSink out) {
    Request request = parameters.resolve(values);
    MemoryCheck.requirePixels(request, Memory.available());
    return call(request, () -> run(request, acceleration, progress, pictures, out));
  }

  /**
   * Runs {@code work} for a request on the model's thread and waits for it.
   *
   * @throws OutOfMemoryException saying what the memory was not enough for
   */
  <T> T call(Request request, Callable<T> work) {
    String what =
        request.outputs()
            + " x "
            + request.width()
            + " x "
            + request.height()
            + " pixels on "
            + strategies.device();
    try {
      return call(work);
    } catch (RuntimeException e) {
      throw OutOfMemoryException.translate(
          e,
          what,
          "use a smaller size, --dtype bfloat16, --performance-mode memory, --vae-tiling or more"
              + " ranks");
    } catch (OutOfMemoryError e) {
      throw new OutOfMemoryException(
          "not enough memory for " + what + ": Java's heap is full; use a smaller size");
    }
  }

  private Result run(
      Request request,
      Acceleration.Factory acceleration,
      Progress progress,
      List<Picture> pictures,
      FrameSink out)
      throws Exception {
    StageReport report = report();
    try (Generation generation = begin(request, acceleration)) {
      progress.stage("text_encode");
      report.measure(
          "text_encode",
          () -> {
            generation.encode();
            return null;
          });
      progress.stage("denoise");
      report.measure(
          "denoise",
          () -> {
            while (!generation.done()) {
              if (Thread.interrupted()) {
                throw new GenerationCancelledException();
              }
              if (model.experts().size() > 1) {
                progress.expert(generation.expert());
              }
              report.step(generation::step);
              progress.step(generation.stepsDone(), generation.steps());
            }
            generation.denoised();
            return null;
          });
      progress.stage("decode");
      report.measure(
          "decode",
          () -> {
            generation.decode(out);
            return null;
          });
      try (TensorScope scope = TensorScope.open()) {
        return new Result(
            request,
            pictures,
            scope.keep(generation.latents().to(Device.CPU, DType.FLOAT32)),
            report,
            generation.notes(),
            List.copyOf(generation.accelerations().values()));
      }
    }
  }

  /**
   * A generation on this model, to be taken step by step and closed inside {@link #call}.
   *
   * @param request from {@link #parameters}
   */
  public Generation begin(Request request, Acceleration.Factory acceleration) {
    Generation generation =
        new Generation(model, request, strategies.branches(), acceleration, kept);
    generation.recordWith(strategies.recorder());
    return generation;
  }

  /** Runs {@code work} on the model's thread and waits for it. */
  public <T> T call(Callable<T> work) {
    try {
      return worker.call(work);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** Frees the weights. */
  @Override
  public void close() {
    try {
      call(
          () -> {
            kept.close();
            model.close();
            return null;
          });
    } finally {
      worker.close();
    }
  }

  @Override
  public String toString() {
    return folder.className()
        + " "
        + folder.path()
        + " "
        + strategies.dtype().text()
        + " on "
        + strategies.device()
        + " "
        + folder.components().keySet();
  }

  /** What of the weights is in memory when, in one line or two. */
  public List<String> placement() {
    return MemoryCheck.lines(strategies);
  }
}
