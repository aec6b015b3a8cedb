package io.jdit.engine.serve;

import io.jdit.config.Values;
import io.jdit.media.AtomicFile;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The requests of a server and their results: in a folder, so that they outlive the process. What
 * had not ended when the process did has failed. The oldest that have ended go when there are too
 * many, or they are too old or too large.
 */
public final class TaskStore {
  private static final Logger LOG = LoggerFactory.getLogger(TaskStore.class);
  private static final String RECORDS = "jobs";
  private static final JsonMapper JSON = JsonMapper.shared();

  /**
   * What is kept.
   *
   * @param age since the end
   * @param bytes of all files
   * @param count of records
   */
  public record Limits(Duration age, long bytes, int count) {}

  private final Path folder;
  private final Limits limits;
  private final Map<String, Task> tasks = new ConcurrentHashMap<>();

  /**
   * @param folder of the results; records are in {@code jobs} below it
   */
  public TaskStore(Path folder, Limits limits) {
    this.folder = folder;
    this.limits = limits;
  }

  /**
   * Reads what an earlier process left. Records that cannot be read are left alone and said.
   *
   * @return how many requests that process did not end
   */
  public int restore() throws IOException {
    Path records = folder.resolve(RECORDS);
    Files.createDirectories(records);
    int interrupted = 0;
    List<Path> files;
    try (Stream<Path> list = Files.list(records)) {
      files = list.filter(f -> f.toString().endsWith(".json")).toList();
    }
    for (Path file : files) {
      try {
        Task task = read(JSON.readTree(Files.readAllBytes(file)));
        tasks.put(task.id(), task);
        if (task.finished() == null && task.error() != null && task.error().equals(STOPPED)) {
          interrupted++;
          save(task);
        }
      } catch (JacksonException | IllegalArgumentException | NullPointerException e) {
        String reason = e instanceof JacksonException j ? j.getOriginalMessage() : e.getMessage();
        LOG.warn("{} is no record of a request: {}", file, reason);
      }
    }
    return interrupted;
  }

  public Path folder() {
    return folder;
  }

  /** Of any state; empty for one that there never was, or that was forgotten. */
  public Optional<Task> find(String id) {
    return Optional.ofNullable(tasks.get(id));
  }

  /** The latest first. */
  public List<Task> all() {
    return tasks.values().stream()
        .sorted(Comparator.comparing(Task::created).thenComparing(Task::id).reversed())
        .toList();
  }

  /** Records a request as it is now. */
  public void save(Task task) {
    tasks.put(task.id(), task);
    try {
      AtomicFile.write(record(task.id()), JSON.writeValueAsBytes(toMap(task)));
    } catch (IOException e) {
      LOG.warn("the record of {} cannot be written: {}", task.id(), e.getMessage());
    }
  }

  /** Deletes record and files. */
  public void forget(Task task) {
    tasks.remove(task.id());
    List<Path> files = files(task);
    files.add(record(task.id()));
    for (Path file : files) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        LOG.warn("{} cannot be deleted: {}", file, e.getMessage());
      }
    }
  }

  /** Deletes the folder with everything in it. */
  public void delete() {
    tasks.clear();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      LOG.warn("{} cannot be deleted: {}", folder, e.getMessage());
    }
  }

  /** Forgets what is beyond the limits. */
  public void sweep() {
    Instant oldest = Instant.now().minus(limits.age());
    long bytes = 0;
    int count = 0;
    for (Task task : all()) {
      if (!task.state().ended()) {
        continue;
      }
      long own = files(task).stream().mapToLong(TaskStore::size).sum();
      if (++count > limits.count()
          || bytes + own > limits.bytes()
          || task.ended().isBefore(oldest)) {
        forget(task);
      } else {
        bytes += own;
      }
    }
  }

  /** When a request that has ended is forgotten at the latest. */
  public Instant expires(Task task) {
    return task.ended().plus(limits.age());
  }

  private Path record(String id) {
    return folder.resolve(RECORDS).resolve(id + ".json");
  }

  /** Results, small views of them, and pictures that were sent. */
  private List<Path> files(Task task) {
    List<Path> files = new ArrayList<>();
    if (task.finished() != null) {
      Stream.of(task.finished().files(), task.finished().views())
          .flatMap(List::stream)
          .forEach(name -> files.add(folder.resolve(name)));
    }
    List<String> inputs = task.order().given().get(RequestKeys.IMAGE_PATH);
    if (inputs != null) {
      inputs.forEach(i -> files.add(Path.of(i)));
    }
    return files;
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0;
    }
  }

  /** Why a request failed that the process did not live to end. */
  static final String STOPPED = "the server stopped before this request was done";

  private static Map<String, Object> toMap(Task task) {
    Task.Order order = task.order();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", order.id());
    map.put("model", order.model());
    map.put("kind", order.kind());
    map.put("given", order.given().byName());
    map.put("request", order.request().values().byName());
    map.put("seeds", order.seeds());
    map.put("origin", order.origin());
    map.put("extension", order.target().extension());
    map.put("state", task.state().text());
    map.put("created", task.created().toString());
    map.put("started", task.started() == null ? null : task.started().toString());
    map.put("ended", task.ended() == null ? null : task.ended().toString());
    map.put("error", task.error());
    map.put("finished", task.finished());
    return map;
  }

  private Task read(JsonNode json) {
    Values request = RequestKeys.ALL.read(json.get("request"), "");
    JsonNode origin = json.get("origin");
    String id = json.get("id").stringValue();
    Task.Order order =
        new Task.Order(
            id,
            json.get("model").stringValue(),
            json.get("kind").stringValue(),
            RequestKeys.ALL.read(json.get("given"), ""),
            new Request(request, List.of()),
            seeds(json.get("seeds")),
            origin.isNull() ? null : origin.stringValue(),
            null,
            new Target(folder, id, json.get("extension").stringValue(), null),
            0,
            0);
    TaskState state = TaskState.of(json.get("state").stringValue());
    boolean open = !state.ended();
    Finished finished =
        json.get("finished").isNull()
            ? null
            : JSON.convertValue(json.get("finished"), new TypeReference<Finished>() {});
    return Task.ended(
        order,
        Instant.parse(json.get("created").stringValue()),
        instant(json.get("started")),
        open ? Instant.now() : instant(json.get("ended")),
        open ? TaskState.FAILED : state,
        open ? STOPPED : json.get("error").isNull() ? null : json.get("error").stringValue(),
        finished);
  }

  private static List<BigInteger> seeds(JsonNode node) {
    return node == null
        ? List.of()
        : node.values().stream().map(JsonNode::bigIntegerValue).toList();
  }

  private static Instant instant(JsonNode node) {
    return node.isNull() ? null : Instant.parse(node.stringValue());
  }
}
