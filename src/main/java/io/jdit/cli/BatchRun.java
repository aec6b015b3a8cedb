package io.jdit.cli;

import io.jdit.media.Picture;
import io.jdit.media.TerminalPreview;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.CollectiveException;
import io.jdit.parallel.ProcessGroup;
import io.jdit.pipeline.GenerationCancelledException;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestResolver;
import io.jdit.pipeline.batch.BadLine;
import io.jdit.pipeline.batch.BatchFile;
import io.jdit.pipeline.batch.BatchItem;
import io.jdit.pipeline.batch.BatchQueue;
import io.jdit.pipeline.batch.BatchTask;
import io.jdit.pipeline.batch.ClaimQueue;
import io.jdit.pipeline.batch.Manifest;
import io.jdit.pipeline.batch.ManifestEntry;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.zip.CRC32;

/** The lines of a prompt file, to picture files and a manifest. */
final class BatchRun {
  /** What makes the pictures, and what is said of it in the manifest. */
  record Model(String name, LoadOptions options, Map<String, Object> cacheSettings) {}

  private final Path promptPath;
  private final BatchFile file;
  private final Model model;
  private final OutputOptions output;
  private final RankSession session;
  private final Interruption interruption;
  private final Terminal terminal;
  private final List<SavedImage> saved = new ArrayList<>();
  private final StageReport report;
  private GenerationSettings last;
  private int badPictures;

  BatchRun(
      Path promptPath,
      BatchFile file,
      Model model,
      OutputOptions output,
      StageReport report,
      RankSession session,
      Interruption interruption,
      Terminal terminal) {
    this.promptPath = promptPath;
    this.file = file;
    this.model = model;
    this.output = output;
    this.report = report;
    this.session = session;
    this.interruption = interruption;
    this.terminal = terminal;
    file.badLines().forEach(this::reject);
  }

  /**
   * Runs what is to be run.
   *
   * @param load gives the model; called when there is a picture to draw
   * @param resume whether pictures that the manifest proves done are left as they are
   * @return the exit code
   */
  int run(RequestResolver requests, Callable<Pipeline> load, boolean resume) throws Exception {
    List<BatchTask> tasks = tasks(requests);
    Pipeline pipeline = null;
    try (BatchQueue queue = queue(tasks, resume)) {
      try {
        BatchDisplay display = new BatchDisplay(terminal, badPictures);
        display.show(queue.count());
        for (Optional<BatchTask> task = queue.take(); task.isPresent(); task = queue.take()) {
          if (pipeline == null) {
            pipeline = load.call();
          }
          run(pipeline, task.get(), queue, display);
          display.show(queue.count());
        }
        display.show(queue.count());
        return queue.count().failed() + badPictures > 0 ? ExitCode.FAILED : ExitCode.OK;
      } catch (GenerationCancelledException
          | InterruptedException
          | ClosedByInterruptException
          | CollectiveException e) {
        // Giving back what is claimed writes files, which an interrupted thread cannot.
        Thread.interrupted();
        if (e instanceof CollectiveException && !interruption.comes()) {
          throw e;
        }
        return ExitCode.RESUME;
      } finally {
        if (terminal.interactive()) {
          terminal.err().println();
        }
      }
    } finally {
      if (pipeline != null) {
        pipeline.close();
      }
    }
  }

  /**
   * The tasks, shared with the other replicas and with other processes in the folder. Ranks of one
   * replica must agree on the list, and all replicas on what was there before.
   */
  private BatchQueue queue(List<BatchTask> tasks, boolean resume) throws IOException {
    ProcessGroup replica = session.replicaGroup();
    requireSameTasks(tasks, replica);
    long before = session.broadcast(resume ? 0 : Manifest.length(output.outputPath));
    if (!session.writes()) {
      return ReplicaQueue.follower(tasks, replica);
    }
    Manifest manifest = Manifest.openAfter(output.outputPath, before);
    if (manifest.damagedLines() > 0) {
      terminal.info(
          "%s: %d lines are damaged, as by a process that was killed; their pictures are made again",
          Manifest.FILE_NAME, manifest.damagedLines());
    }
    BatchQueue claims =
        ClaimQueue.open(output.outputPath, tasks, manifest, () -> ReplicaQueue.stay(replica));
    return ReplicaQueue.leader(tasks, replica, claims);
  }

  private void requireSameTasks(List<BatchTask> tasks, ProcessGroup replica) {
    CRC32 checksum = new CRC32();
    tasks.forEach(t -> checksum.update(t.toString().getBytes(StandardCharsets.UTF_8)));
    long[] all = replica.gather(checksum.getValue());
    if (Arrays.stream(all).distinct().count() > 1) {
      throw new IllegalArgumentException(
          promptPath
              + ": the ranks of a replica read different prompts or options, "
              + "give all of them the same file and the same command line");
    }
  }

  /** Of the last picture; null when there was nothing to do. */
  GenerationSettings lastSettings() {
    return last;
  }

  List<SavedImage> saved() {
    return saved;
  }

  private List<BatchTask> tasks(RequestResolver requests) {
    List<BatchTask> tasks = new ArrayList<>();
    for (BatchItem item : file.items()) {
      try {
        GenerationSettings settings = requests.resolve(item.request());
        Map<String, Object> map =
            new LinkedHashMap<>(PictureTexts.settings(settings, model.name(), model.options()));
        if (item.request().prompt2() != null) {
          map.put("prompt_2", item.request().prompt2());
        }
        if (!model.cacheSettings().isEmpty()) {
          map.put("cache", model.cacheSettings());
        }
        tasks.add(BatchTask.of(item, map));
      } catch (IllegalArgumentException e) {
        reject(new BadLine(item.line(), e.getMessage()));
      }
    }
    return tasks;
  }

  private void reject(BadLine bad) {
    badPictures++;
    if (session.first()) {
      terminal.err().println("jdit: " + promptPath + " line " + bad.line() + ": " + bad.problem());
    }
  }

  private void run(Pipeline pipeline, BatchTask task, BatchQueue queue, BatchDisplay display)
      throws Exception {
    long start = System.nanoTime();
    GenerationResult made;
    try {
      made = pipeline.generate(task.item().request(), session.watched(Progress.NONE));
    } catch (GenerationCancelledException e) {
      throw e;
    } catch (RuntimeException e) {
      if (session.replicaGroup().size() > 1) {
        throw e; // The other ranks are in the middle of this picture: nothing brings them back.
      }
      display.clear();
      reject(task, e);
      queue.failed(task, Main.oneLine(e));
      return;
    }
    try (GenerationResult result = made) {
      last = result.settings();
      report.addAll(result.report());
      if (!session.writes()) {
        return;
      }
      session.stage("save");
      display.clear();
      result.warnings().forEach(w -> terminal.info("warning: line %d: %s", task.item().line(), w));
      interruption.shield(
          () -> {
            report.measure(
                "save",
                () -> {
                  queue.finished(task, save(task, result, start));
                  return null;
                });
            return null;
          });
    }
  }

  private void reject(BatchTask task, RuntimeException failure) {
    if (output.verbose) {
      failure.printStackTrace(terminal.err());
    }
    terminal
        .err()
        .println(
            "jdit: " + promptPath + " line " + task.item().line() + ": " + Main.oneLine(failure));
  }

  private List<ManifestEntry> save(BatchTask task, GenerationResult result, long start)
      throws IOException {
    Map<String, String> texts = PictureTexts.of(result.settings(), model.name(), model.options());
    List<ManifestEntry> entries = new ArrayList<>();
    for (int i = 0; i < result.images().size(); i++) {
      Picture picture = result.images().get(i);
      String name = task.item().fileNames().get(i);
      Path path = output.outputPath.resolve(name);
      PictureFile.write(path, picture, texts);
      saved.add(new SavedImage(path, result.settings().seed()));
      entries.add(
          new ManifestEntry(
              task.item().key(),
              task.item().line(),
              i,
              name,
              Manifest.sha256(path),
              (System.nanoTime() - start) / 1e9,
              Instant.now().toString(),
              task.settings()));
      terminal.out().println(path);
      if (output.preview == OutputOptions.Preview.ON) {
        terminal.out().print(TerminalPreview.render(picture, terminal.columns()));
      }
      terminal.out().flush();
    }
    return entries;
  }
}
