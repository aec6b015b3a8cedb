package io.jdit.parallel;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Layout of the ranks and options of their communication, with every size resolved.
 *
 * @param ulyssesAnything allow token counts that do not divide; switched on where needed anyway
 * @param ulyssesFloat8 8-bit payload of the all-to-all
 * @param ulyssesAsync exchange of one projection while the next is computed
 * @param attentionBackend kernel inside the parallel attention, null for the default
 * @param modules other components that run on several ranks: {@code text_encoder, vae}
 */
public record ParallelConfig(
    Mesh mesh,
    boolean ulyssesAnything,
    boolean ulyssesFloat8,
    boolean ulyssesAsync,
    String attentionBackend,
    Set<String> modules) {
  public static final String TEXT_ENCODER = "text_encoder";
  public static final String VAE = "vae";
  public static final String CONTROLNET = "controlnet";

  public ParallelConfig {
    modules = Set.copyOf(modules);
    requireUlysses(mesh, ulyssesFloat8, "ulysses_float8");
    requireUlysses(mesh, ulyssesAsync, "ulysses_async");
    requireUlysses(mesh, ulyssesAnything, "ulysses_anything");
  }

  private static void requireUlysses(Mesh mesh, boolean on, String key) {
    if (on && mesh.ulysses() == 1) {
      throw new IllegalArgumentException(
          key + " needs ulysses_size > 1, the layout is " + mesh + ": set ulysses_size or drop it");
    }
  }

  public static ParallelConfig of(Mesh mesh) {
    return new ParallelConfig(mesh, false, false, false, null, Set.of());
  }

  /** Everything on one rank. */
  public static ParallelConfig single() {
    return of(Mesh.single());
  }

  public ParallelConfig withModules(Set<String> names) {
    return new ParallelConfig(
        mesh, ulyssesAnything, ulyssesFloat8, ulyssesAsync, attentionBackend, names);
  }

  public ParallelConfig withAsync(boolean on) {
    return new ParallelConfig(mesh, ulyssesAnything, ulyssesFloat8, on, attentionBackend, modules);
  }

  public ParallelConfig withFloat8(boolean on) {
    return new ParallelConfig(mesh, ulyssesAnything, on, ulyssesAsync, attentionBackend, modules);
  }

  /**
   * Ranks that hold a component's weights between them; 1 where each holds all.
   *
   * @param component of model_index.json: a transformer, a text encoder or something else
   */
  public int holders(String component) {
    if (component.startsWith("transformer")) {
      return mesh.tp();
    }
    boolean text = component.startsWith(TEXT_ENCODER) && modules.contains(TEXT_ENCODER);
    return text ? mesh.ranks() / mesh.dp() : 1;
  }

  /**
   * Checks the layout against a model.
   *
   * @param heads attention heads of the transformer
   * @throws IllegalArgumentException with the sizes that would do
   */
  public void requireHeads(int heads) {
    if (heads % mesh.tp() != 0) {
      throw new IllegalArgumentException(
          "tp_size "
              + mesh.tp()
              + " does not divide the "
              + heads
              + " attention heads: use one of "
              + divisors(heads));
    }
    int local = heads / mesh.tp();
    if (!HeadPadding.allowed(local, mesh.ulysses())) {
      List<Integer> valid = new ArrayList<>();
      for (int u = 1; u <= local; u++) {
        if (HeadPadding.allowed(local, u)) {
          valid.add(u);
        }
      }
      throw new IllegalArgumentException(
          "ulysses_size "
              + mesh.ulysses()
              + " cannot share out "
              + local
              + " attention heads"
              + (mesh.tp() > 1 ? " of each tensor-parallel rank" : "")
              + ": use one of "
              + valid);
    }
  }

  static List<Integer> divisors(int n) {
    List<Integer> list = new ArrayList<>();
    for (int d = 1; d <= n; d++) {
      if (n % d == 0) {
        list.add(d);
      }
    }
    return list;
  }

  /** Short name of the layout in file names and logs, for example {@code Ulysses2_Ring2_TP2}. */
  public String tag() {
    List<String> parts = new ArrayList<>();
    addSize(parts, "DP", mesh.dp());
    addSize(parts, "CFG", mesh.cfg());
    addSize(parts, "Ulysses", mesh.ulysses());
    addSize(parts, "Ring", mesh.ring());
    if (ulyssesAnything) {
      parts.add("UAA");
    }
    if (ulyssesFloat8) {
      parts.add(ulyssesAnything ? "F8" : "UF8");
    }
    if (ulyssesAsync) {
      parts.add("UAS");
    }
    addSize(parts, "TP", mesh.tp());
    if (modules.contains(TEXT_ENCODER)) {
      parts.add("TEP");
    }
    if (modules.contains(VAE)) {
      parts.add("VAEP");
    }
    if (modules.contains(CONTROLNET)) {
      parts.add("CNP");
    }
    return String.join("_", parts);
  }

  private static void addSize(List<String> parts, String name, int size) {
    if (size > 1) {
      parts.add(name + size);
    }
  }
}
