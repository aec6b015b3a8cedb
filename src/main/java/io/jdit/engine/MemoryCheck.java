package io.jdit.engine;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.family.Families;
import io.jdit.metrics.Memory;
import io.jdit.offload.ComponentMemory;
import io.jdit.offload.MemorySurvey;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.offload.PerformanceMode;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.Quantization;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceMemory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToIntFunction;

/**
 * Compares what a model needs with what is free, before any weight is read, and decides what of it
 * is in memory when.
 *
 * @param strategies of the weights: which files, held how, offloaded as asked for
 * @param components of the model, as {@code strategies} hold them
 */
record MemoryCheck(
    ModelFolder model, Strategies strategies, Map<String, ComponentMemory> components) {
  /** Three channels of float32. */
  private static final int DECODED_PIXEL_BYTES = 12;

  /**
   * Where weights take less than this part of what is free, what else is needed does not matter.
   */
  private static final int SMALL = 4;

  static MemoryCheck of(ModelFolder model, Strategies strategies) {
    return new MemoryCheck(
        model,
        strategies,
        MemorySurvey.of(strategies, s -> Families.of(model).build(model, s).close()));
  }

  /**
   * {@code strategies} with the {@link #placement} that fits into what is free; those that say
   * themselves what goes are left as they are.
   */
  static Strategies placed(ModelFolder model, Strategies strategies, Values request) {
    Placement asked = strategies.placement();
    return asked instanceof Offload || asked.keeps("text_encoder")
        ? strategies.withPlacement(
            of(model, strategies).placement(request, available(strategies.device())))
        : strategies;
  }

  /** What new allocations on a device can take. */
  static long available(Device device) {
    return device.isCuda() ? DeviceMemory.free(device) : Memory.available();
  }

  /**
   * What of the model is in memory when.
   *
   * @param request that is to be run, as far as it is known: what it computes with should fit too
   * @param free bytes, on a CPU for all processes that share them
   * @throws OutOfMemoryException when nothing that is asked for fits, with the way out
   */
  Offload placement(Values request, long free) {
    OffloadSettings settings = Offload.settings(strategies.placement());
    long available = strategies.device().isCuda() ? free : free / settings.processes();
    Map<String, Long> working =
        weights() * SMALL > available
            ? ModelCost.of(model.path(), request).working(model, strategies)
            : Map.of();
    return fitting(Offload.choices(settings, components, working), available)
        .or(() -> fitting(Offload.choices(settings, components, Map.of()), available))
        .orElseThrow(() -> refusal(settings, available));
  }

  /** What of the weights is in memory when, in one line, and in another what need not be so. */
  static List<String> lines(Strategies placed) {
    String line = placed.placement().toString();
    List<String> made =
        placed.placement() instanceof Offload offload
                && placed.formats() instanceof Quantization quantization
            ? offload.layerwise().stream().filter(quantization::isMadeHere).toList()
            : List.of();
    return made.isEmpty()
        ? List.of(line)
        : List.of(
            line,
            "layers of "
                + String.join(" and ", made)
                + " are quantized whenever they are read: jdit quantize writes them once");
  }

  private static Optional<Offload> fitting(List<Offload> choices, long available) {
    return choices.stream().filter(o -> o.peak() <= available).findFirst();
  }

  /** Bytes of all weights. */
  long weights() {
    return components.values().stream().mapToLong(ComponentMemory::whole).sum();
  }

  private OutOfMemoryException refusal(OffloadSettings settings, long available) {
    return refusal(Offload.smallest(settings, components, Map.of()), 1, available);
  }

  private OutOfMemoryException refusal(Offload tried, int processes, long available) {
    return new OutOfMemoryException(
        String.format(
            Locale.ROOT,
            "not enough memory for %s in %s%s: %s, %.2f GB are free; %s",
            model.path(),
            strategies.dtype().text(),
            processes > 1 ? " on " + processes + " processes, each" : "",
            tried,
            available / 1e9,
            wayOut(tried.peak(), processes, available)));
  }

  private String wayOut(long tried, int processes, long available) {
    long least = least();
    String splitting = processes > 1 ? ", or split the weights with --tp-size" : "";
    String option = OffloadKeys.MODE.option() + " memory";
    if (least < tried && processes * least <= available) {
      return String.format(Locale.ROOT, "%s takes %.2f GB%s", option, least / 1e9, splitting);
    }
    if (strategies.dtype().bytes() > 2) {
      return String.format(
          Locale.ROOT,
          "%s--dtype bfloat16 takes %.2f GB%s",
          least < tried ? option + " with " : "",
          of(model, strategies.withDtype(DType.BFLOAT16)).least() / 1e9,
          splitting);
    }
    return "use a machine with more memory" + splitting;
  }

  /** With everything offloaded. */
  private long least() {
    return Offload.smallest(
            OffloadSettings.of(Values.of(OffloadKeys.MODE, PerformanceMode.MEMORY)),
            components,
            Map.of())
        .peak();
  }

  /**
   * Checks that several processes of one machine fit together, each offloading what it may.
   *
   * @param holders ranks that hold a component's weights between them
   * @throws OutOfMemoryException when they do not
   */
  void require(ToIntFunction<String> holders, int processes, long available) {
    Map<String, ComponentMemory> shares = new LinkedHashMap<>();
    // At least: layers that are not split add to it.
    components.forEach((name, c) -> shares.put(name, c.share(holders.applyAsInt(name))));
    OffloadSettings settings = Offload.settings(strategies.placement());
    if (fitting(Offload.choices(settings, shares, Map.of()), available / processes).isEmpty()) {
      Offload smallest = Offload.smallest(settings, shares, Map.of());
      throw new MemoryCheck(model, strategies, shares).refusal(smallest, processes, available);
    }
  }

  /**
   * Checks that the decoded pictures alone fit: what cannot end well should not begin.
   *
   * @throws OutOfMemoryException when they need more than {@code available} bytes
   */
  static void requirePixels(Request request, long available) {
    double needed =
        (double) request.outputs() * request.width() * request.height() * DECODED_PIXEL_BYTES;
    if (needed > available) {
      throw new OutOfMemoryException(
          String.format(
              Locale.ROOT,
              "not enough memory for %d x %d x %d pixels: decoded they need %.1f GB, %.1f GB are"
                  + " free; use a smaller size or fewer pictures",
              request.outputs(),
              request.width(),
              request.height(),
              needed / 1e9,
              available / 1e9));
    }
  }
}
