package io.jdit.quant;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import io.jdit.kernels.QuantizedKernels;
import io.jdit.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Types of quantization, under Cache-DiT's names of today and before, with the numbers and
 * granularity of torchao's types.
 */
public enum QuantType {
  FLOAT8_PER_ROW(DType.FLOAT8_E4M3, Scales.PER_ROW, true, "float8"),
  FLOAT8_PER_TENSOR(DType.FLOAT8_E4M3, Scales.PER_TENSOR, true),
  FLOAT8_PER_BLOCK(DType.FLOAT8_E4M3, Scales.PER_BLOCK, true, "float8_blockwise"),
  FLOAT8_WEIGHT_ONLY(DType.FLOAT8_E4M3, Scales.PER_ROW, false, "float8_wo"),
  INT8_PER_ROW(DType.INT8, Scales.PER_ROW, true, "int8"),
  INT8_PER_TENSOR(DType.INT8, Scales.PER_TENSOR, true),
  INT8_WEIGHT_ONLY(DType.INT8, Scales.PER_ROW, false, "int8_wo"),
  INT4_WEIGHT_ONLY(DType.UINT8, Scales.PER_GROUP, false, "int4_wo");

  /** How many numbers share a scale. */
  enum Scales {
    PER_ROW,
    PER_TENSOR,
    /** 128 x 128 numbers of the weight, 128 of an activation's row. */
    PER_BLOCK,
    /** 32 numbers of the weight's row, with a zero point. */
    PER_GROUP
  }

  static final int BLOCK = 128;
  static final int GROUP = 32;

  /** LibTorch's scaled products need it, and torchao leaves other layers alone. */
  private static final int FLOAT8_DIVISOR = 16;

  private final DType codes;
  private final Scales scales;
  private final boolean dynamic;
  private final List<String> aliases;

  QuantType(DType codes, Scales scales, boolean dynamic, String... aliases) {
    this.codes = codes;
    this.scales = scales;
    this.dynamic = dynamic;
    this.aliases = List.of(aliases);
  }

  /** Name of today, for example {@code float8_per_row}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Type that the weight's codes are stored as; two codes in a byte for 4 bits. */
  DType codes() {
    return codes;
  }

  Scales scales() {
    return scales;
  }

  /** Whether activations are quantized too, anew in every call. */
  boolean dynamic() {
    return dynamic;
  }

  /** Whether activations become codes that any layer of such a type can read. */
  boolean sharesCodes() {
    return dynamic && scales != Scales.PER_BLOCK;
  }

  /** What a kernel computes it as; null where there is none. */
  QuantizedKernels.Format kernel() {
    return switch (this) {
      case INT8_PER_ROW -> QuantizedKernels.Format.INT8;
      case INT8_WEIGHT_ONLY -> QuantizedKernels.Format.INT8_WEIGHT;
      case FLOAT8_PER_ROW -> QuantizedKernels.Format.FLOAT8;
      case FLOAT8_WEIGHT_ONLY -> QuantizedKernels.Format.FLOAT8_WEIGHT;
      case INT4_WEIGHT_ONLY -> QuantizedKernels.Format.INT4_WEIGHT;
      case FLOAT8_PER_TENSOR, FLOAT8_PER_BLOCK, INT8_PER_TENSOR -> null;
    };
  }

  /** All names that are understood. */
  public static List<String> names() {
    List<String> names = new ArrayList<>();
    for (QuantType type : values()) {
      names.add(type.text());
      names.addAll(type.aliases);
    }
    return names;
  }

  /**
   * The type of that name, of today or before, ignoring case.
   *
   * @param where what errors begin with
   * @throws ConfigException for an unknown name, and for a known one that is not supported, with
   *     the reason
   */
  public static QuantType named(String name, String where) {
    String lower = name.strip().toLowerCase(Locale.ROOT);
    for (QuantType type : values()) {
      if (type.text().equals(lower) || type.aliases.contains(lower)) {
        return type;
      }
    }
    if (lower.startsWith("svdq")) {
      throw new ConfigException(
          where + ": " + name + " is not supported: SVDQuant's low-rank layers are not there yet");
    }
    if (lower.startsWith("nvfp4") || lower.startsWith("mxfp") || lower.equals("int4_w4a4")) {
      throw new ConfigException(
          where
              + ": "
              + name
              + " is not supported: it computes in 4 bits, which takes tensor cores of its own; "
              + INT4_WEIGHT_ONLY.text()
              + " holds weights in 4 bits");
    }
    throw new ConfigException(
        where
            + ": unknown quantization type '"
            + name
            + "'; did you mean '"
            + KnownNames.nearest(lower, names())
            + "'? There are "
            + String.join(", ", Arrays.stream(values()).map(QuantType::text).toList()));
  }

  /**
   * Why a layer of this size cannot be held in this type; null when it can.
   *
   * @param out rows of the weight on this rank
   * @param in columns of the weight on this rank
   */
  String obstacle(long out, long in) {
    return switch (scales) {
      case PER_BLOCK -> out % BLOCK != 0 || in % BLOCK != 0 ? "not divisible by " + BLOCK : null;
      case PER_GROUP -> in % GROUP != 0 ? "inputs not divisible by " + GROUP : null;
      default ->
          codes == DType.FLOAT8_E4M3
                  && dynamic
                  && (out % FLOAT8_DIVISOR != 0 || in % FLOAT8_DIVISOR != 0)
              ? "not divisible by " + FLOAT8_DIVISOR
              : null;
    };
  }
}
