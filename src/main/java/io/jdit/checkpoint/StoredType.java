package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import java.util.Locale;
import java.util.Optional;

/**
 * Element types of the safetensors format, under their names in its header. Not all can be computed
 * with: the others can be listed.
 */
public enum StoredType {
  F64(DType.FLOAT64),
  F32(DType.FLOAT32),
  F16(DType.FLOAT16),
  BF16(DType.BFLOAT16),
  F8_E4M3(DType.FLOAT8_E4M3),
  F8_E5M2(DType.FLOAT8_E5M2),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  F8_E8M0(8),
  F6_E2M3(6),
  F6_E3M2(6),
  F4(4),
  C64(64),
  I64(DType.INT64),
  I32(DType.INT32),
  I16(DType.INT16),
  I8(DType.INT8),
  U64(64),
  U32(32),
  U16(16),
  U8(DType.UINT8),
  BOOL(DType.BOOL);

  private final DType dtype; // null for a type that is not computed with
  private final int bits;

  StoredType(DType dtype) {
    this.dtype = dtype;
    this.bits = 8 * dtype.bytes();
  }

  StoredType(int bits) {
    this.dtype = null;
    this.bits = bits;
  }

  static StoredType of(DType dtype) {
    return valueOf(dtype.safetensorsName());
  }

  /** The type of that name in a header; empty for a name that the format does not have. */
  static Optional<StoredType> named(String name) {
    for (StoredType type : values()) {
      if (type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }

  /** The type to compute with; empty where there is none. */
  public Optional<DType> dtype() {
    return Optional.ofNullable(dtype);
  }

  /** Size of one element: some types take less than a byte. */
  int bits() {
    return bits;
  }

  /** Name for people, for example {@code bfloat16}. */
  public String text() {
    return dtype == null ? name().toLowerCase(Locale.ROOT) : dtype.text();
  }
}
