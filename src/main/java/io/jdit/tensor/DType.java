package io.jdit.tensor;

import java.util.Locale;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Element types in use, with their LibTorch counterpart and their name in safetensors headers. */
public enum DType {
  FLOAT32(ScalarType.Float, 4, "F32", true),
  FLOAT64(ScalarType.Double, 8, "F64", true),
  FLOAT16(ScalarType.Half, 2, "F16", true),
  BFLOAT16(ScalarType.BFloat16, 2, "BF16", true),
  FLOAT8_E4M3(ScalarType.Float8_e4m3fn, 1, "F8_E4M3", true),
  FLOAT8_E5M2(ScalarType.Float8_e5m2, 1, "F8_E5M2", true),
  INT64(ScalarType.Long, 8, "I64", false),
  INT32(ScalarType.Int, 4, "I32", false),
  INT16(ScalarType.Short, 2, "I16", false),
  INT8(ScalarType.Char, 1, "I8", false),
  UINT8(ScalarType.Byte, 1, "U8", false),
  BOOL(ScalarType.Bool, 1, "BOOL", false);

  final ScalarType scalarType;
  private final int bytes;
  private final String safetensorsName;
  private final boolean floating;

  DType(ScalarType scalarType, int bytes, String safetensorsName, boolean floating) {
    this.scalarType = scalarType;
    this.bytes = bytes;
    this.safetensorsName = safetensorsName;
    this.floating = floating;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Name in a safetensors header, for example {@code BF16}. */
  public String safetensorsName() {
    return safetensorsName;
  }

  public boolean isFloating() {
    return floating;
  }

  /** Name as written on the command line and in configs, for example {@code bfloat16}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads {@code float32|bfloat16|float16} and the usual short forms {@code fp32|bf16|fp16}.
   *
   * @throws IllegalArgumentException naming the text and the accepted ones
   */
  public static DType parse(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "float32", "fp32", "float" -> FLOAT32;
      case "bfloat16", "bf16" -> BFLOAT16;
      case "float16", "fp16", "half" -> FLOAT16;
      case "float64", "fp64", "double" -> FLOAT64;
      default ->
          throw new IllegalArgumentException(
              "unknown dtype '" + text + "': use float32, bfloat16 or float16");
    };
  }

  static DType of(ScalarType type) {
    for (DType d : values()) {
      if (d.scalarType == type) {
        return d;
      }
    }
    throw new IllegalArgumentException("LibTorch dtype " + type + " is not supported");
  }
}
