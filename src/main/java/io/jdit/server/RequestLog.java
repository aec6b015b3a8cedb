package io.jdit.server;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** How the log tells of requests. */
public enum RequestLog {
  OFF,
  /** name=value pairs. */
  TEXT,
  /** An object a line, with the time. */
  JSON;

  /** One line, whatever the values hold. */
  String line(Map<String, Object> entry) {
    if (this == JSON) {
      Map<String, Object> timed = new LinkedHashMap<>();
      timed.put("time", Instant.now().toString());
      timed.putAll(entry);
      return Json.MAPPER.writeValueAsString(timed);
    }
    return entry.entrySet().stream()
        .map(e -> e.getKey() + "=" + e.getValue())
        .collect(Collectors.joining(" "))
        .replaceAll("\\p{Cntrl}", " ");
  }
}
