package io.jdit.parallel;

import io.jdit.kernels.CommunicationKernels;
import io.jdit.kernels.Float8Format;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.util.Arrays;

/**
 * How rows of D numbers are sent: as they are, or as float8 with a scale. Keys are always sent as
 * they are: the softmax does not average their rounding errors.
 */
enum Payload {
  NUMBERS(null),
  FLOAT8_INPUT(Float8Format.INPUT),
  FLOAT8_OUTPUT(Float8Format.OUTPUT);

  private final Float8Format format; // null for the numbers themselves

  Payload(Float8Format format) {
    this.format = format;
  }

  /** Bytes of a row of {@code dim} numbers of {@code dtype}. */
  long bytes(long dim, DType dtype) {
    return format == null ? dim * dtype.bytes() : format.bytes(dim);
  }

  /**
   * Memory for rows on their way.
   *
   * @param like has the dtype, device and D of the numbers
   * @param rows sizes before the last one
   * @return [rows..., elements of a row on its way]
   */
  Tensor buffer(Tensor like, long... rows) {
    DType dtype = format == null ? like.dtype() : DType.UINT8;
    long[] shape = Arrays.copyOf(rows, rows.length + 1);
    shape[rows.length] = bytes(like.size(-1), like.dtype()) / dtype.bytes();
    return Tensor.empty(dtype, like.device(), shape);
  }

  /** Writes numbers [..., D] to rows of the same leading sizes; both may be views. */
  void write(Tensor numbers, Tensor rows) {
    if (format == null) {
      rows.copy_(numbers);
    } else {
      CommunicationKernels.packFloat8(numbers, format, rows);
    }
  }

  /** The inverse of {@link #write}. */
  void read(Tensor rows, Tensor numbers) {
    if (format == null) {
      numbers.copy_(rows);
    } else {
      CommunicationKernels.unpackFloat8(rows, format, numbers);
    }
  }

  /**
   * The numbers in {@code rows}: {@code rows} itself, or a new tensor of {@code dtype} [..., D].
   */
  Tensor numbers(Tensor rows, DType dtype, long dim) {
    if (format == null) {
      return rows;
    }
    long[] shape = rows.shape();
    shape[shape.length - 1] = dim;
    Tensor numbers = Tensor.empty(dtype, rows.device(), shape);
    read(rows, numbers);
    return numbers;
  }
}
