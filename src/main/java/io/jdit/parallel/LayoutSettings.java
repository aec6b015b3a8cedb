package io.jdit.parallel;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Turns settings into the layout of a number of ranks.
 *
 * @param values of {@link ParallelKeys}
 */
public record LayoutSettings(Values values) {
  /** True when a size of the sample's layout is given. */
  public boolean givesLayout() {
    return sizes().stream().anyMatch(Objects::nonNull);
  }

  private List<Integer> sizes() {
    return Stream.of(ParallelKeys.ULYSSES, ParallelKeys.RING, ParallelKeys.TP)
        .map(values::get)
        .toList();
  }

  private int branches() {
    return values.get(ParallelKeys.CFG_PARALLEL) ? 2 : 1;
  }

  /** Ranks that remain for one sample after replicas and guidance branches. */
  private int samplePart(int processes) {
    int replicas = values.get(ParallelKeys.DP);
    if (processes % (replicas * branches()) != 0) {
      throw new ConfigException(
          "dp_size "
              + replicas
              + (branches() > 1 ? " with two guidance branches" : "")
              + " does not divide the "
              + processes
              + " ranks that were started: use one of "
              + ParallelConfig.divisors(processes / branches()));
    }
    return processes / (replicas * branches());
  }

  /**
   * The layout that is given, or one that is chosen where none is, checked against the model.
   *
   * @param processes ranks that were or will be started
   * @param heads attention heads of the transformer
   * @throws IllegalArgumentException naming sizes that would do
   */
  public LayoutChoice choose(int processes, int heads) {
    if (processes > 1 && !givesLayout()) {
      return automatic(processes, heads);
    }
    ParallelConfig config = resolve(processes);
    config.requireHeads(heads);
    return new LayoutChoice(config, null);
  }

  /**
   * As many Ulysses ranks as the heads allow, the rest in a ring: Ulysses sends least, and a ring
   * takes any number.
   */
  LayoutChoice automatic(int processes, int heads) {
    int part = samplePart(processes);
    int ulysses = 1;
    for (int u : ParallelConfig.divisors(part)) {
      if (HeadPadding.allowed(heads, u)) {
        ulysses = u;
      }
    }
    int ring = part / ulysses;
    String share =
        heads % ulysses == 0
            ? heads / ulysses + " of " + heads + " heads on each rank"
            : heads + " heads padded to " + HeadPadding.of(heads, ulysses).perRank() * ulysses;
    String rest =
        ", ring %d for the rest: %d heads cannot be shared out over %d ranks"
            .formatted(ring, heads, part);
    Values chosen =
        values
            .with(ParallelKeys.ULYSSES, ulysses)
            .with(ParallelKeys.RING, ring)
            .without(ParallelKeys.BACKEND);
    return new LayoutChoice(
        new LayoutSettings(chosen).resolve(processes),
        "ulysses " + ulysses + " (" + share + ")" + (ring == 1 ? "" : rest));
  }

  /**
   * Computes the automatic size and checks that the product is the number of ranks.
   *
   * @param processes ranks that were or will be started
   * @throws ConfigException naming both numbers and layouts that would do
   */
  public ParallelConfig resolve(int processes) {
    int part = samplePart(processes);
    int automatic = 0;
    int known = 1;
    for (Integer size : sizes()) {
      automatic += size != null && size == ParallelKeys.AUTO ? 1 : 0;
      known *= size(size, 1);
    }
    if (automatic > 1) {
      throw new ConfigException(
          "only one of ulysses_size, ring_size, tp_size can be auto, found " + automatic);
    }
    int left = Math.max(1, part / known);
    Mesh mesh =
        new Mesh(
            values.get(ParallelKeys.DP),
            branches(),
            size(values.get(ParallelKeys.RING), left),
            size(values.get(ParallelKeys.ULYSSES), left),
            size(values.get(ParallelKeys.TP), left));
    if (mesh.ranks() != processes) {
      throw new ConfigException(
          "the layout "
              + mesh
              + " needs "
              + mesh.ranks()
              + " ranks, started were "
              + processes
              + ": use --num-gpus "
              + mesh.ranks()
              + ", or one size auto, or sizes whose product is "
              + part
              + " such as "
              + examples(part));
    }
    requireBackend(mesh);
    // One file serves machines of any size: on a single rank its options have nothing to act on.
    boolean several = mesh.ranks() > 1;
    return new ParallelConfig(
        mesh,
        values.get(ParallelKeys.ANYTHING) && mesh.ulysses() > 1,
        values.get(ParallelKeys.FLOAT8) && several,
        values.get(ParallelKeys.ASYNC) && several,
        values.get(ParallelKeys.ATTENTION_BACKEND),
        values.get(ParallelKeys.MODULES));
  }

  private static int size(Integer size, int automatic) {
    return size == null ? 1 : size == ParallelKeys.AUTO ? automatic : size;
  }

  /** Triples ulysses x ring x tp, those with one size first. */
  private static String examples(int product) {
    List<String> list = new ArrayList<>();
    list.add(product + "x1x1");
    for (int u : ParallelConfig.divisors(product)) {
      if (u > 1 && u < product) {
        list.add(u + "x" + product / u + "x1");
        list.add(u + "x1x" + product / u);
      }
    }
    return "ulysses x ring x tp = " + String.join(", ", list.subList(0, Math.min(5, list.size())));
  }

  private void requireBackend(Mesh mesh) {
    String backend = values.get(ParallelKeys.BACKEND);
    if (backend == null || backend.equals("auto")) {
      return;
    }
    String fitting =
        mesh.tp() == 1 ? "cache_dit" : mesh.context() == 1 ? "native_pytorch" : "native_hybrid";
    String named = backend.equals("native_diffuser") ? "cache_dit" : backend;
    if (mesh.ranks() > 1 && !named.equals(fitting)) {
      throw new ConfigException(
          "backend " + backend + " does not fit the layout " + mesh + ": use " + fitting);
    }
  }
}
