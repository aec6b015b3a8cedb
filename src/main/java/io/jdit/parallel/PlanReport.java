package io.jdit.parallel;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What {@code jdit parallel plan} prints: one layout in detail, and all valid ones compared. */
public final class PlanReport {
  /** Ranks that a plan is made for at most. */
  public static final int LARGEST = 1024;

  private static final int SHOWN = 12;

  private PlanReport() {}

  /**
   * All layouts of {@code ranks} ranks that the model and the sizes allow, the fastest by estimate
   * first.
   *
   * @param options taken over: float8, modules
   * @throws IllegalArgumentException when there are none
   */
  public static List<LayoutPlan> layouts(int ranks, PlanRequest request, ParallelConfig options) {
    if (ranks < 1 || ranks > LARGEST) {
      throw new IllegalArgumentException(
          "a plan is made for 1 to " + LARGEST + " ranks, got " + ranks);
    }
    List<LayoutPlan> plans = new ArrayList<>();
    for (int cfg : request.branches() == 2 && ranks % 2 == 0 ? new int[] {1, 2} : new int[] {1}) {
      for (int tp : ParallelConfig.divisors(ranks / cfg)) {
        for (int ulysses : ParallelConfig.divisors(ranks / cfg / tp)) {
          addValid(
              plans, new Mesh(1, cfg, ranks / cfg / tp / ulysses, ulysses, tp), request, options);
        }
      }
    }
    if (plans.isEmpty()) {
      throw new IllegalArgumentException(
          "no layout of "
              + ranks
              + " ranks shares out "
              + request.cost().heads()
              + " heads and streams of "
              + request.cost().streams()
              + " tokens: use fewer ranks for a sample and --dp-size for the rest");
    }
    plans.sort(Comparator.comparingDouble(LayoutPlan::stepMillis));
    return plans;
  }

  private static void addValid(
      List<LayoutPlan> plans, Mesh mesh, PlanRequest request, ParallelConfig options) {
    int heads = request.cost().heads();
    boolean headsFit =
        heads % mesh.tp() == 0 && HeadPadding.allowed(heads / mesh.tp(), mesh.ulysses());
    boolean tokensFit =
        request.cost().attentions().stream()
            .flatMap(a -> a.streams().stream())
            .allMatch(n -> n >= mesh.context());
    if (headsFit && tokensFit) {
      ParallelConfig config =
          ParallelConfig.of(mesh)
              .withFloat8(options.ulyssesFloat8() && mesh.ulysses() > 1)
              .withModules(options.modules());
      plans.add(LayoutPlan.of(config, request));
    }
  }

  /**
   * One layout in detail.
   *
   * @param otherWeights bytes that each rank holds of the parts besides the transformer
   */
  public static String detail(LayoutPlan plan, Map<String, Long> otherWeights) {
    StringBuilder text = new StringBuilder();
    Mesh mesh = plan.config().mesh();
    text.append("mesh            ").append(mesh).append(", ").append(mesh.ranks());
    text.append(mesh.ranks() == 1 ? " rank\n" : " ranks\n");
    line(text, "weights", gigabytes(plan.weightBytes()) + " per rank, transformer");
    otherWeights.forEach((part, bytes) -> line(text, "", gigabytes(bytes) + " per rank, " + part));
    line(text, "activations", gigabytes(plan.activationBytes()) + " per rank, estimate");
    line(text, "cache", gigabytes(plan.cacheBytes()) + " per rank");
    for (Collective kind : Collective.values()) {
      if (plan.bytesPerStep(kind) > 0) {
        line(text, kind.text(), gigabytes(plan.bytesPerStep(kind)) + " sent per step and rank");
      }
    }
    line(
        text,
        "step",
        String.format(
            Locale.ROOT,
            "%.1f ms = %.1f compute + %.1f communication, estimate",
            plan.stepMillis(),
            plan.computeMillis(),
            plan.communicationMillis()));
    return text.toString();
  }

  private static void line(StringBuilder text, String name, String value) {
    text.append(String.format(Locale.ROOT, "%-15s %s%n", name, value));
  }

  /** Layouts as a table, the fastest first. */
  public static String table(List<LayoutPlan> plans) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%-28s %10s %12s %12s %12s%n",
                "layout",
                "step ms",
                "weights GB",
                "activ. GB",
                "sent GB"));
    for (LayoutPlan plan : plans.subList(0, Math.min(SHOWN, plans.size()))) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-28s %10.1f %12.2f %12.3f %12.3f%n",
              plan.config().mesh(),
              plan.stepMillis(),
              plan.weightBytes() / 1e9,
              plan.activationBytes() / 1e9,
              plan.bytesPerStep() / 1e9));
    }
    if (plans.size() > SHOWN) {
      text.append(plans.size() - SHOWN).append(" slower layouts are left out\n");
    }
    return text.toString();
  }

  private static String gigabytes(long bytes) {
    return bytes >= 1_000_000
        ? String.format(Locale.ROOT, "%.3f GB", bytes / 1e9)
        : String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
  }
}
