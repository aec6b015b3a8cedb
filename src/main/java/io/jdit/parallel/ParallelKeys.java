package io.jdit.parallel;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/** The settings of a layout over several ranks. */
public final class ParallelKeys {
  /** A size that is computed from the number of ranks. */
  public static final int AUTO = 0;

  private static final Set<String> BACKENDS_HERE =
      new LinkedHashSet<>(
          List.of("auto", "cache_dit", "native_diffuser", "native_pytorch", "native_hybrid"));
  private static final Set<String> MODULES_HERE =
      new TreeSet<>(
          Set.of(ParallelConfig.TEXT_ENCODER, ParallelConfig.VAE, ParallelConfig.CONTROLNET));

  private static final ValueType<Integer> SIZE =
      ValueType.of(
          "a number >= 1 or auto",
          n -> n.isString() || n.isIntegralNumber() ? size(n.asString()) : null,
          ParallelKeys::size,
          n -> n == AUTO ? "auto" : n.toString());
  private static final ValueType<String> BACKEND_NAME =
      ValueType.of(
          "one of " + BACKENDS_HERE,
          n -> n.isString() ? backend(n.asString()) : null,
          ParallelKeys::backend,
          n -> n);
  private static final ValueType<Set<String>> MODULE_NAMES =
      ValueType.of(
          "a list of " + String.join(", ", MODULES_HERE),
          ParallelKeys::modules,
          text -> modules(Arrays.asList(text.split(",", -1))),
          n -> "[" + String.join(", ", n) + "]");

  public static final Key<Integer> NUM_GPUS =
      Key.of("num_gpus", ValueType.integerAtLeast(1))
          .withDefault(1)
          .withHelp(
              "N",
              "Processes to start, one per GPU, or CPU processes with --device cpu. Under srun, mpirun, torchrun or"
                  + " pbsdsh the launcher decides. Default: 1.");
  public static final Key<Integer> ULYSSES =
      Key.of("ulysses_size", SIZE)
          .withAliases("ulysses_degree")
          .withHelp("N|auto", "Ranks that share the heads of a picture's attention.");
  public static final Key<Integer> RING =
      Key.of("ring_size", SIZE)
          .withAliases("ring_degree")
          .withHelp("N|auto", "Ranks that pass keys and values around.");
  public static final Key<Integer> TP =
      Key.of("tp_size", SIZE).withHelp("N|auto", "Ranks that share the weights of each layer.");
  public static final Key<Integer> DP =
      Key.of("dp_size", ValueType.integerAtLeast(1))
          .withDefault(1)
          .withAliases("data_parallel_size", "dp")
          .withHelp("N", "Replicas that share the prompts.");
  public static final Key<Boolean> CFG_PARALLEL =
      Key.of("cfg_parallel", ValueType.bool())
          .withDefault(false)
          .withAliases("enable_cfg_parallel")
          .withHelp("BOOL", "The two branches of classifier-free guidance on ranks of their own.");
  public static final Key<Boolean> ANYTHING =
      Key.of("ulysses_anything", ValueType.bool())
          .withDefault(false)
          .withHelp("BOOL", "Allow tokens and heads that do not divide.");
  public static final Key<Boolean> FLOAT8 =
      Key.of("ulysses_float8", ValueType.bool())
          .withDefault(false)
          .withHelp("BOOL", "Exchange in 8 bits.");
  public static final Key<Boolean> ASYNC =
      Key.of("ulysses_async", ValueType.bool())
          .withDefault(false)
          .withHelp("BOOL", "Exchange one projection while the next is computed.");
  public static final Key<Set<String>> MODULES =
      Key.of("extra_parallel_modules", MODULE_NAMES)
          .withDefault(Set.of())
          .withHelp("NAME", "Further parts on several ranks: text_encoder, vae.");

  /** Limit of each collective in seconds. */
  public static final Key<Integer> TIMEOUT =
      Key.of("dist_timeout", ValueType.integerAtLeast(1))
          .withDefault((int) RankProcess.DEFAULT_TIMEOUT.toSeconds())
          .withHelp("SECONDS", "Limit of each collective. Default: 600.");

  /** Cache-DiT's name of the kind of layout; checked against the sizes. In files only. */
  public static final Key<String> BACKEND = Key.of("backend", BACKEND_NAME).withOption(null);

  /** Kernel inside the parallel attention. */
  public static final Key<String> ATTENTION_BACKEND =
      Key.of("attention_backend", ValueType.text())
          .withHelp(
              "NAME",
              "Attention kernel of the transformer: native, auto (the fastest exact one for each shape, by"
                  + " measuring), torch_sdpa, _native_flash, _native_efficient, _native_cudnn, _native_math or"
                  + " sage (scores from 8 bits, CPU); names of libraries (flash, _flash_3, fa ...) get the nearest"
                  + " of them. Default: the file's attention_backend, CACHE_DIT_ATTN_BACKEND,"
                  + " SGLANG_DIFFUSION_ATTENTION_BACKEND, native.");

  /** What commands take, in the order of their help. */
  public static final Catalog OPTIONS =
      Catalog.of(
          NUM_GPUS, ULYSSES, RING, TP, DP, CFG_PARALLEL, ANYTHING, FLOAT8, ASYNC, MODULES, TIMEOUT);

  private ParallelKeys() {}

  private static Integer size(String text) {
    if (text.strip().equalsIgnoreCase("auto")) {
      return AUTO;
    }
    try {
      int size = Integer.parseInt(text.strip());
      return size < 1 ? null : size;
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static String backend(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return BACKENDS_HERE.contains(lower) ? lower : null;
  }

  private static Set<String> modules(JsonNode list) {
    return list.isArray() ? modules(list.valueStream().map(n -> n.asString("")).toList()) : null;
  }

  private static Set<String> modules(List<String> names) {
    return MODULES_HERE.containsAll(names)
        ? Collections.unmodifiableSet(new LinkedHashSet<>(names))
        : null;
  }
}
