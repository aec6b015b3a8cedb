package io.jdit.parallel;

import io.jdit.config.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What a file or the flags say about the layout; null where they say nothing, {@link #AUTO} for a
 * size that takes what the others leave.
 *
 * @param ulyssesSize number, {@link #AUTO} or null, as the other two sizes
 * @param dpSize replicas with prompts of their own
 * @param cfgParallel the two guidance branches on ranks of their own
 * @param backend name that Cache-DiT gives the kind of layout; checked against the sizes
 */
public record ParallelSettings(
    Integer ulyssesSize,
    Integer ringSize,
    Integer tpSize,
    Integer dpSize,
    Boolean cfgParallel,
    Boolean ulyssesAnything,
    Boolean ulyssesFloat8,
    Boolean ulyssesAsync,
    String backend,
    String attentionBackend,
    Set<String> modules) {
  /** A size that is computed from the number of ranks. */
  public static final int AUTO = 0;

  public static final ParallelSettings NONE =
      new ParallelSettings(null, null, null, null, null, null, null, null, null, null, null);

  /** These settings where they are given, else those of {@code below}. */
  public ParallelSettings over(ParallelSettings below) {
    return new ParallelSettings(
        first(ulyssesSize, below.ulyssesSize),
        first(ringSize, below.ringSize),
        first(tpSize, below.tpSize),
        first(dpSize, below.dpSize),
        first(cfgParallel, below.cfgParallel),
        first(ulyssesAnything, below.ulyssesAnything),
        first(ulyssesFloat8, below.ulyssesFloat8),
        first(ulyssesAsync, below.ulyssesAsync),
        first(backend, below.backend),
        first(attentionBackend, below.attentionBackend),
        first(modules, below.modules));
  }

  private static <T> T first(T a, T b) {
    return a != null ? a : b;
  }

  /** True when a size of the sample's layout is given. */
  public boolean givesLayout() {
    return ulyssesSize != null || ringSize != null || tpSize != null;
  }

  /** Ranks that remain for one sample after replicas and guidance branches. */
  public int samplePart(int processes) {
    int outer = outer();
    if (processes % outer != 0) {
      throw new ConfigException(
          "dp_size "
              + one(dpSize)
              + (branches() > 1 ? " with two guidance branches" : "")
              + " does not divide the "
              + processes
              + " ranks that were started: use one of "
              + ParallelConfig.divisors(processes / branches()));
    }
    return processes / outer;
  }

  private int outer() {
    return one(dpSize) * branches();
  }

  private int branches() {
    return Boolean.TRUE.equals(cfgParallel) ? 2 : 1;
  }

  private static int one(Integer size) {
    return size == null ? 1 : size;
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
      automatic += size != null && size == AUTO ? 1 : 0;
      known *= size == null || size == AUTO ? 1 : size;
    }
    if (automatic > 1) {
      throw new ConfigException(
          "only one of ulysses_size, ring_size, tp_size can be auto, found " + automatic);
    }
    int left = Math.max(1, part / known);
    Mesh mesh =
        new Mesh(
            one(dpSize),
            branches(),
            size(ringSize, left),
            size(ulyssesSize, left),
            size(tpSize, left));
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
    return new ParallelConfig(
        mesh,
        Boolean.TRUE.equals(ulyssesAnything) && mesh.ulysses() > 1,
        on(ulyssesFloat8, mesh),
        on(ulyssesAsync, mesh),
        attentionBackend,
        modules == null ? Set.of() : modules);
  }

  /** One file serves machines of any size: on a single rank its options have nothing to act on. */
  private static boolean on(Boolean option, Mesh mesh) {
    return Boolean.TRUE.equals(option) && mesh.ranks() > 1;
  }

  private List<Integer> sizes() {
    List<Integer> list = new ArrayList<>();
    list.add(ulyssesSize);
    list.add(ringSize);
    list.add(tpSize);
    return list;
  }

  private static int size(Integer size, int automatic) {
    return size == null ? 1 : size == AUTO ? automatic : size;
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
