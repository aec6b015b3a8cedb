package io.jdit.engine;

import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.offload.ComponentMemory;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadSettings;
import io.jdit.pipeline.Strategies;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a model takes in the memory of one process with more and more of it offloaded, by
 * prediction; needs its configurations only.
 */
public final class MemoryPlan {
  /** The Java machine, LibTorch, its kernels and their buffers. */
  private static final long PROCESS = 400_000_000;

  /** Of cuBLAS on a GPU, in LibTorch's allocator: 61 MB on an H100. */
  private static final long WORKSPACE = 64_000_000;

  private final Map<String, ComponentMemory> components;
  private final long saved;
  private final List<Offload> choices = new ArrayList<>();

  /**
   * @param strategies of the weights: dtype, formats, and as placement what is asked for
   * @throws IllegalArgumentException when quantization means layers that the model lacks
   */
  public MemoryPlan(Path folder, Strategies strategies, ModelCost cost) {
    ModelFolder model = ModelFolder.open(folder);
    Strategies configured = configured(model, strategies);
    components = MemoryCheck.of(model, configured).components();
    saved =
        QuantizationSurvey.of(model, configured).entrySet().stream()
            .filter(e -> e.getKey().equals("transformer"))
            .mapToLong(e -> e.getValue().savedBytes())
            .sum();
    Map<String, Long> working = new LinkedHashMap<>();
    Map<String, Long> computing = cost.working(model, configured);
    for (String stage : List.of(Offload.ENCODE, Offload.DENOISE, Offload.DECODE)) {
      working.put(stage, PROCESS + computing.getOrDefault(stage, 0L));
    }
    OffloadSettings settings = Offload.settings(strategies.placement());
    for (Offload choice : Offload.choices(settings, components, working)) {
      if (choices.stream().noneMatch(c -> c.what().equals(choice.what()))) {
        choices.add(choice);
      }
    }
  }

  private static Strategies configured(ModelFolder model, Strategies strategies) {
    return strategies
        .withFormats(QuantizationSurvey.formats(model, strategies))
        .withOrigin(component -> new MetaWeights(strategies.dtype()));
  }

  /**
   * Bytes that one process takes of a device while it denoises and nothing but transformers is
   * there; in the machine's memory with what the process itself takes, on a GPU with the space that
   * products work in.
   */
  static long denoising(Path folder, Strategies strategies, ModelCost cost) {
    ModelFolder model = ModelFolder.open(folder);
    Strategies configured = configured(model, strategies);
    long weights =
        MemoryCheck.of(model, configured).components().entrySet().stream()
            .filter(e -> e.getKey().startsWith("transformer"))
            .mapToLong(e -> e.getValue().whole())
            .sum();
    return weights
        + cost.working(model, configured).get(Offload.DENOISE)
        + (strategies.device().isCpu() ? PROCESS : WORKSPACE);
  }

  /** Bytes that quantized layers of the transformer take less than in the dtype. */
  public long savedBytes() {
    return saved;
  }

  /** Bytes of each component's weights, as they are held. */
  public Map<String, Long> weights() {
    Map<String, Long> bytes = new LinkedHashMap<>();
    components.forEach((name, component) -> bytes.put(name, component.whole()));
    return bytes;
  }

  /** From nothing that is offloaded to everything. */
  public List<Offload> choices() {
    return choices;
  }

  /** The choices as a table. */
  public String table() {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%10s %12s %10s %10s   %s%n",
                "peak GB",
                "text_encode",
                "denoise",
                "decode",
                "offloaded, in one process"));
    for (Offload choice : choices) {
      Map<String, Long> stages = choice.stages();
      text.append(
          String.format(
              Locale.ROOT,
              "%10.2f %12.2f %10.2f %10.2f   %s%n",
              choice.peak() / 1e9,
              stages.get(Offload.ENCODE) / 1e9,
              stages.get(Offload.DENOISE) / 1e9,
              stages.get(Offload.DECODE) / 1e9,
              choice.what()));
    }
    return text.toString();
  }
}
