package io.jdit.report;

import io.jdit.metrics.Trace.Event;
import io.jdit.metrics.Trace.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Where the time of denoising steps goes: by kind of kernel, and by layer with those of all blocks
 * together. A span counts without the spans inside it, so that the shares add up to the steps.
 */
public final class TraceTable {
  private static final String REST = "everything else: element by element, copies, Java";

  /** Spans of one name. */
  private static final class Sum {
    private long calls;
    private long nanoseconds;
  }

  private final Map<String, Sum> kernels = new LinkedHashMap<>();
  private final Map<String, Sum> layers = new LinkedHashMap<>();
  private long steps;
  private long total;

  private TraceTable() {}

  /**
   * The tables as text; empty where no step is among the events.
   *
   * @param skipped first steps that do not count
   */
  public static String of(List<Event> events, int skipped) {
    TraceTable table = new TraceTable();
    events.stream()
        .collect(Collectors.groupingBy(Event::thread))
        .values()
        .forEach(ofThread -> table.add(ofThread, skipped));
    return table.steps == 0 ? "" : table.text();
  }

  /** Events end before those around them: what is on the stack and began later lies inside. */
  private void add(List<Event> events, int skipped) {
    Deque<Event> open = new ArrayDeque<>();
    Deque<Map<Event, Long>> insides = new ArrayDeque<>();
    int stepsSeen = 0;
    for (Event e : events) {
      Map<Event, Long> inside = new LinkedHashMap<>();
      long children = 0;
      while (!open.isEmpty() && open.peek().start() >= e.start()) {
        children += open.pop().nanoseconds();
        inside.putAll(insides.pop());
      }
      inside.put(e, e.nanoseconds() - children);
      if (e.kind() == Kind.STEP && stepsSeen++ >= skipped) {
        steps++;
        total += e.nanoseconds();
        inside.forEach(this::count);
      }
      open.push(e);
      insides.push(e.kind() == Kind.STEP || e.kind() == Kind.STAGE ? Map.of() : inside);
    }
  }

  private void count(Event e, long self) {
    String kernel =
        switch (e.kind()) {
          case LAYER -> "linear";
          case ATTENTION -> "attention";
          case KERNEL -> e.name();
          case EXCHANGE -> "waiting for other ranks";
          default -> REST;
        };
    boolean named = !kernel.equals(REST);
    add(kernels, kernel, named ? 1 : 0, self);
    add(layers, named ? general(e) : REST, named ? 1 : 0, self);
  }

  /** {@code blocks.3.attn.to_q} and its like in other blocks are one. */
  private static String general(Event e) {
    return e.kind() == Kind.LAYER
        ? e.name().replaceAll("\\.\\d+(?=\\.)", ".*")
        : e.kind() == Kind.ATTENTION ? "attention (" + e.name() + ")" : e.name();
  }

  private static void add(Map<String, Sum> sums, String name, long calls, long nanoseconds) {
    Sum sum = sums.computeIfAbsent(name, n -> new Sum());
    sum.calls += calls;
    sum.nanoseconds += nanoseconds;
  }

  private String text() {
    StringBuilder text = new StringBuilder();
    append(text, "kernel", kernels);
    text.append('\n');
    append(text, "layer", layers);
    return text.toString();
  }

  private void append(StringBuilder text, String what, Map<String, Sum> sums) {
    text.append(
        String.format(Locale.ROOT, "%-58s %7s %10s %7s%n", what, "calls", "ms a step", "share"));
    List<Map.Entry<String, Sum>> sorted = new ArrayList<>(sums.entrySet());
    sorted.sort(Comparator.comparingLong(e -> -e.getValue().nanoseconds));
    for (Map.Entry<String, Sum> e : sorted) {
      Sum sum = e.getValue();
      text.append(
          String.format(
              Locale.ROOT,
              "%-58s %7s %10.2f %6.1f%%%n",
              e.getKey(),
              sum.calls == 0 ? "" : sum.calls / steps,
              sum.nanoseconds / 1e6 / steps,
              100.0 * sum.nanoseconds / total));
    }
  }
}
