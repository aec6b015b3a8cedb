package io.jdit.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * The program that quantized a component's weights, which replaces tensors by its own.
 *
 * @param name of the program or format
 * @param evidence where that is seen
 */
public record Quantizer(String name, String evidence) {
  private static final List<String> CONFIG_KEYS =
      List.of("quantization_config", "compression_config", "quantization");

  private static final String TORCHAO = "torchao";

  /** What torchao's metadata in the header of a safetensors file begin with. */
  public static final String TORCHAO_NAMES = "tensor_names";

  /** Ends of tensor names; the first that is found decides. */
  private static final Map<Pattern, String> TENSORS = new LinkedHashMap<>();

  static {
    tensors(
        "absmax|nested_absmax|quant_map|quant_state\\.bitsandbytes__\\w+", "bitsandbytes (4 bits)");
    tensors("SCB", "bitsandbytes (8 bits)");
    tensors("wscales|wzeros|smooth_factor|wtscale", "SVDQuant (Nunchaku)");
    tensors("qzeros|g_idx", "GPTQ or AWQ");
    tensors("weight_packed", "compressed-tensors");
    tensors("_data|weight_qtype", "optimum-quanto");
    tensors("_weight_qdata|_weight_scale", TORCHAO);
    tensors(
        "weight_scale_inv|weight_scale|weight_scale_2|scale_weight|input_scale|scaled_fp8|comfy_quant",
        "a format of scaled float8 or int8 numbers");
    tensors("qweight", "GPTQ, AWQ or SVDQuant");
  }

  private static void tensors(String ends, String program) {
    TENSORS.put(Pattern.compile("(?:.*\\.)?(?:" + ends + ")"), program);
  }

  /**
   * The program of a checkpoint that cannot be read as it is. Tensors that torchao describes in
   * their files can, and {@link ScaledFloat8}.
   *
   * @param component folder
   */
  public static Optional<Quantizer> of(Path component, Checkpoint checkpoint) {
    if (checkpoint.files().stream().anyMatch(f -> f.metadata().containsKey(TORCHAO_NAMES))) {
      return Optional.empty();
    }
    ScaledFloat8 scaled = ScaledFloat8.of(checkpoint);
    Set<String> names = new TreeSet<>(checkpoint.names());
    names.removeAll(scaled.scales().values());
    scaled.unused().forEach(names::remove);
    return of(component, names);
  }

  /**
   * Looks at the config.json of a component and at its tensors.
   *
   * @param tensors their names
   */
  static Optional<Quantizer> of(Path component, Collection<String> tensors) {
    return ofConfig(component.resolve("config.json")).or(() -> ofTensors(tensors));
  }

  /** What to do about it, for the end of a message. */
  public String wayOut() {
    return name.equals(TORCHAO)
        ? "save it by torchao 0.16 or later with safe_serialization=True, so that its files describe"
            + " their tensors, or use a checkpoint that is not quantized"
        : "use a checkpoint that is not quantized";
  }

  private static Optional<Quantizer> ofConfig(Path file) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    ModelConfig config = ModelConfig.read(file);
    for (String key : CONFIG_KEYS) {
      JsonNode settings = config.json().path(key);
      if (settings.isObject()) {
        return Optional.of(new Quantizer(program(settings), key + " in " + file));
      }
    }
    return Optional.empty();
  }

  private static String program(JsonNode settings) {
    String method = settings.path("quant_method").asString("");
    boolean four = settings.path("load_in_4bit").asBoolean(false);
    boolean eight = settings.path("load_in_8bit").asBoolean(false);
    if (four || eight || method.startsWith("bitsandbytes")) {
      return "bitsandbytes" + (four ? " (4 bits)" : eight ? " (8 bits)" : "");
    }
    return method.isEmpty() ? "a program that it does not name" : method;
  }

  private static Optional<Quantizer> ofTensors(Collection<String> tensors) {
    for (Map.Entry<Pattern, String> known : TENSORS.entrySet()) {
      for (String tensor : tensors) {
        if (known.getKey().matcher(tensor).matches()) {
          return Optional.of(new Quantizer(known.getValue(), "tensor " + tensor));
        }
      }
    }
    return Optional.empty();
  }

  /** For messages: the program, and where it shows. */
  @Override
  public String toString() {
    return name + " (" + evidence + ")";
  }
}
