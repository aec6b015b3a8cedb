package io.jdit.engine;

import io.jdit.engine.batch.BadLine;
import io.jdit.engine.batch.BatchCount;
import io.jdit.engine.batch.BatchFile;
import io.jdit.engine.batch.BatchItem;
import io.jdit.engine.batch.BatchQueue;
import io.jdit.engine.batch.BatchTask;
import io.jdit.engine.batch.ClaimQueue;
import io.jdit.engine.batch.Manifest;
import io.jdit.engine.batch.ManifestEntry;
import io.jdit.media.OutputNames;
import io.jdit.media.Picture;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.CollectiveException;
import io.jdit.parallel.ProcessGroup;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Request;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/** The lines of a prompt file, to files of pictures or videos and a manifest. */
public final class BatchRun {
  /** Signals that a batch gives way to. */
  public interface Interruptions {
    /** Runs {@code work} to its end before an interruption is heard. */
    <T> T shield(Callable<T> work) throws Exception;

    /** Whether one was asked for, or is within a second. */
    boolean comes();
  }

  /** How a batch ended. */
  public enum End {
    DONE,
    /** Some pictures could not be drawn. */
    FAILED,
    /** It was stopped, and can go on. */
    STOPPED
  }

  private final Path promptPath;
  private final BatchFile file;
  private final Job job;
  private final Interruptions interruptions;
  private final List<SavedPicture> saved = new ArrayList<>();
  private final StageReport report;
  private Request last;
  private int badPictures;

  public BatchRun(Path promptPath, BatchFile file, Job job, Interruptions interruptions) {
    this.promptPath = promptPath;
    this.file = file;
    this.job = job;
    this.report = job.report();
    this.interruptions = interruptions;
    file.badLines().forEach(this::reject);
  }

  /**
   * Runs what is to be run; the model is loaded when there is a picture to draw.
   *
   * @param resume whether pictures that the manifest proves done are left as they are
   */
  public End run(boolean resume) throws Exception {
    End end = draw(tasks(Engine.parameters(job.folder())), resume);
    if (last != null && job.session().first()) {
      RunSummary summary =
          new RunSummary(
              job.provenance(),
              last,
              report,
              new long[] {report.peakAllocated()},
              saved,
              List.of());
      summary.print(job.console());
      if (job.output().perfDump() != null) {
        summary.write(job.output().perfDump());
      }
    }
    return end;
  }

  private End draw(List<BatchTask> tasks, boolean resume) throws Exception {
    Engine engine = null;
    try (BatchQueue queue = queue(tasks, resume)) {
      try {
        show(queue);
        for (Optional<BatchTask> task = queue.take(); task.isPresent(); task = queue.take()) {
          if (engine == null) {
            engine = job.load(report, file.items().get(0).request());
          }
          run(engine, task.get(), queue);
          show(queue);
        }
        show(queue);
        return queue.count().failed() + badPictures > 0 ? End.FAILED : End.DONE;
      } catch (GenerationCancelledException
          | InterruptedException
          | ClosedByInterruptException
          | CollectiveException e) {
        // Giving back what is claimed writes files, which an interrupted thread cannot.
        Thread.interrupted();
        if (e instanceof CollectiveException && !interruptions.comes()) {
          throw e;
        }
        return End.STOPPED;
      }
    } finally {
      if (engine != null) {
        engine.close();
      }
    }
  }

  /** Pictures of lines that cannot be run have failed from the start. */
  private void show(BatchQueue queue) {
    BatchCount count = queue.count();
    job.console()
        .count(
            new BatchCount(
                count.total() + badPictures,
                count.done(),
                count.failed() + badPictures,
                count.skipped()));
  }

  /**
   * The tasks, shared with the other replicas and with other processes in the folder. Ranks of one
   * replica must agree on the list, and all replicas on what was there before.
   */
  private BatchQueue queue(List<BatchTask> tasks, boolean resume) throws IOException {
    ProcessGroup replica = job.session().replicaGroup();
    job.session().requireSame("what is read from " + promptPath, tasks);
    Path outputs = job.output().folder();
    long before = job.session().broadcast(resume ? 0 : Manifest.length(outputs));
    if (!job.session().writes()) {
      return ReplicaQueue.follower(tasks, replica);
    }
    Manifest manifest = Manifest.openAfter(outputs, before);
    if (manifest.damagedLines() > 0) {
      job.console()
          .info(
              Manifest.FILE_NAME
                  + ": "
                  + manifest.damagedLines()
                  + " lines are damaged, as by a process that was killed; their pictures are made"
                  + " again");
    }
    BatchQueue claims = ClaimQueue.open(outputs, tasks, manifest, () -> ReplicaQueue.stay(replica));
    return ReplicaQueue.leader(tasks, replica, claims);
  }

  private List<BatchTask> tasks(Parameters parameters) {
    List<BatchTask> tasks = new ArrayList<>();
    for (BatchItem item : file.items()) {
      try {
        requireNoFolders(item);
        tasks.add(
            BatchTask.of(item, job.provenance().settings(parameters.resolve(item.request()))));
      } catch (IllegalArgumentException e) {
        reject(new BadLine(item.line(), e.getMessage()));
      }
    }
    return tasks;
  }

  private void requireNoFolders(BatchItem item) {
    for (String name : item.fileNames()) {
      boolean folder = Files.isDirectory(job.output().folder().resolve(name));
      if (folder && !OutputNames.isFolder(name)) {
        throw new IllegalArgumentException("its picture '" + name + "' is a folder");
      }
    }
  }

  private void reject(BadLine bad) {
    badPictures++;
    if (job.session().first()) {
      job.console().error(bad.of(promptPath), null);
    }
  }

  private void run(Engine engine, BatchTask task, BatchQueue queue) throws Exception {
    BatchItem item = task.item();
    Request request = engine.parameters().resolve(item.request());
    Map<String, String> texts = job.provenance().texts(request);
    try (RequestFiles files = new RequestFiles(job.output(), request, item.fileNames(), texts)) {
      run(engine, task, files, queue);
    }
  }

  private void run(Engine engine, BatchTask task, RequestFiles files, BatchQueue queue)
      throws Exception {
    long start = System.nanoTime();
    RankSession session = job.session();
    Result made;
    try {
      made =
          engine.generate(
              task.item().request(),
              job.acceleration(),
              session.watched(new Console.Watch() {}),
              session.writes() ? files : PromptRun.DISCARD);
    } catch (GenerationCancelledException e) {
      throw e;
    } catch (UncheckedIOException e) {
      throw e.getCause(); // as for pictures: what cannot be written ends the batch
    } catch (RuntimeException e) {
      if (session.replicaGroup().size() > 1) {
        throw e; // The other ranks are in the middle of this picture: nothing brings them back.
      }
      String reason = FailureText.of(e);
      job.console().error(new BadLine(task.item().line(), reason).of(promptPath), e);
      queue.failed(task, reason);
      return;
    }
    try (Result result = made) {
      last = result.request();
      report.addAll(result.report());
      if (!session.writes()) {
        return;
      }
      session.stage("save");
      int line = task.item().line();
      result.notes().forEach(n -> job.console().info("warning: line " + line + ": " + n));
      interruptions.shield(
          () ->
              report.measure(
                  "save",
                  () -> {
                    queue.finished(task, save(task, files, start));
                    return null;
                  }));
    }
  }

  private List<ManifestEntry> save(BatchTask task, RequestFiles files, long start)
      throws IOException {
    List<Picture> views = files.views();
    List<ManifestEntry> entries = new ArrayList<>();
    for (int i = 0; i < views.size(); i++) {
      files.save(i);
      Path path = files.path(i);
      saved.add(new SavedPicture(path, last.seed()));
      entries.add(
          new ManifestEntry(
              task.item().key(),
              task.item().line(),
              i,
              files.name(i),
              Manifest.sha256(path),
              (System.nanoTime() - start) / 1e9,
              Instant.now().toString(),
              task.settings()));
      if (!job.session().passesOn(path.toString())) {
        job.console().saved(path, views.get(i));
      }
    }
    return entries;
  }
}
