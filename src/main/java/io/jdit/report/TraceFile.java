package io.jdit.report;

import io.jdit.metrics.Trace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** A trace in Chrome's format: complete events with times in microseconds. */
public final class TraceFile {
  private TraceFile() {}

  /**
   * The document.
   *
   * @param rank of this process: traces of several ranks can be joined in one view
   */
  public static String json(List<Trace.Event> events, int rank) {
    Map<String, Integer> threads = new LinkedHashMap<>();
    List<Map<String, Object>> all = new ArrayList<>();
    all.add(meta("process_name", rank, 0, "rank " + rank));
    for (Trace.Event e : events) {
      threads.computeIfAbsent(
          e.thread(),
          name -> {
            all.add(meta("thread_name", rank, threads.size(), name));
            return threads.size();
          });
    }
    for (Trace.Event e : events) {
      Map<String, Object> event = new LinkedHashMap<>();
      event.put("name", e.name());
      event.put("cat", e.kind().text());
      event.put("ph", "X");
      event.put("ts", e.start() / 1e3);
      event.put("dur", e.nanoseconds() / 1e3);
      event.put("pid", rank);
      event.put("tid", threads.get(e.thread()));
      all.add(event);
    }
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("displayTimeUnit", "ms");
    document.put("traceEvents", all);
    return JsonMapper.shared().writeValueAsString(document);
  }

  private static Map<String, Object> meta(String name, int rank, int thread, String value) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("name", name);
    event.put("ph", "M");
    event.put("pid", rank);
    event.put("tid", thread);
    event.put("args", Map.of("name", value));
    return event;
  }
}
