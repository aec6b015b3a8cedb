package io.jdit.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.metrics.Trace.Event;
import io.jdit.metrics.Trace.Kind;
import java.util.List;
import org.junit.jupiter.api.Test;

class TraceTableTest {
  private static Event event(Kind kind, String name, long startMs, long ms) {
    return new Event(kind, name, startMs * 1_000_000, ms * 1_000_000, "worker");
  }

  /** A warm-up step, then one of 100 ms: 40 in layers, 30 in attention, 10 in a kernel. */
  private static final List<Event> EVENTS =
      List.of(
          event(Kind.LAYER, "blocks.0.attn.to_q", 1, 500),
          event(Kind.STEP, "step 1", 0, 600),
          event(Kind.LAYER, "blocks.0.attn.to_q", 1010, 15),
          event(Kind.ATTENTION, "native", 1025, 30),
          event(Kind.BLOCK, "blocks.0", 1005, 60),
          event(Kind.LAYER, "blocks.1.attn.to_q", 1066, 20),
          event(Kind.KERNEL, "gelu_tanh", 1086, 4),
          event(Kind.KERNEL, "gelu_tanh", 1090, 6),
          event(Kind.BLOCK, "blocks.1", 1065, 33),
          event(Kind.LAYER, "proj_out", 1098, 5),
          event(Kind.STEP, "step 2", 1000, 100),
          event(Kind.STAGE, "denoise", 0, 1100));

  @Test
  void sharesAddUpToTheSteps() {
    assertThat(TraceTable.of(EVENTS, 1).lines())
        .containsExactly(
            "kernel                                                       calls  ms a step   share",
            "linear                                                           3      40.00   40.0%",
            "attention                                                        1      30.00   30.0%",
            "everything else: element by element, copies, Java                       20.00   20.0%",
            "gelu_tanh                                                        2      10.00   10.0%",
            "",
            "layer                                                        calls  ms a step   share",
            "blocks.*.attn.to_q                                               2      35.00   35.0%",
            "attention (native)                                               1      30.00   30.0%",
            "everything else: element by element, copies, Java                       20.00   20.0%",
            "gelu_tanh                                                        2      10.00   10.0%",
            "proj_out                                                         1       5.00    5.0%");
  }

  @Test
  void nothingWithoutSteps() {
    assertThat(TraceTable.of(EVENTS, 2)).isEmpty();
    assertThat(TraceTable.of(List.of(), 0)).isEmpty();
  }
}
