package io.jdit.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * Counts live tensor handles and remembers where they were made. Level by {@code -Djdit.leak}:
 * {@code off} (default: count only), {@code sample} (the creation stack of one tensor in 128),
 * {@code all} (every tensor; tests).
 */
public final class LeakDetector {
  private enum Level {
    OFF,
    SAMPLE,
    ALL
  }

  private static final int SAMPLE_INTERVAL = 128;
  private static final int STACK_FRAMES = 12;
  private static final Level LEVEL =
      Level.valueOf(System.getProperty("jdit.leak", "off").toUpperCase(Locale.ROOT));
  private static final AtomicLong LIVE = new AtomicLong();
  private static final AtomicLong CREATED = new AtomicLong();
  private static final Map<Tensor, List<StackWalker.StackFrame>> RECORDS =
      new ConcurrentHashMap<>();
  private static final StackWalker WALKER = StackWalker.getInstance();

  private LeakDetector() {}

  /** Handles that exist and are not closed, in all threads. */
  public static long live() {
    return LIVE.get();
  }

  /** Handles made since the process started. */
  public static long created() {
    return CREATED.get();
  }

  static void opened(Tensor tensor) {
    LIVE.incrementAndGet();
    long n = CREATED.incrementAndGet();
    if (LEVEL == Level.ALL || (LEVEL == Level.SAMPLE && n % SAMPLE_INTERVAL == 0)) {
      RECORDS.put(tensor, WALKER.walk(frames -> frames.skip(2).limit(STACK_FRAMES).toList()));
    }
  }

  static void closed(Tensor tensor) {
    LIVE.decrementAndGet();
    if (LEVEL != Level.OFF) {
      RECORDS.remove(tensor);
    }
  }

  /** Describes up to {@code limit} live tensors with the place where each was made. */
  public static List<String> report(int limit) {
    List<String> lines = new ArrayList<>();
    for (var e : RECORDS.entrySet()) {
      if (lines.size() == limit) {
        break;
      }
      lines.add(
          e.getKey()
              + " made at\n    "
              + e.getValue().stream().map(Object::toString).collect(Collectors.joining("\n    ")));
    }
    return lines;
  }
}
