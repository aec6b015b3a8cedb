package io.jdit.checkpoint;

import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A safetensors file: 8 bytes header length (little endian), a JSON header {@code name -> {dtype,
 * shape, data_offsets}}, then the data without gaps. The header is checked completely before any
 * tensor is read. Tensors are read into memory of their own, which goes with them; and a file that
 * is cut off while it is in use is an error, where the pages of a mapping would end the process.
 */
public final class SafeTensorsFile implements TensorSource {
  /** Limit of the reference implementation. */
  private static final long MAX_HEADER = 100_000_000;

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Path path;
  private final long size;
  private final long dataStart;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;

  private SafeTensorsFile(
      Path path,
      long size,
      long dataStart,
      Map<String, TensorInfo> tensors,
      Map<String, String> metadata) {
    this.path = path;
    this.size = size;
    this.dataStart = dataStart;
    this.tensors = tensors;
    this.metadata = metadata;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws ModelFormatException when it is missing, cut off or malformed, naming the file, tensor
   *     and reason
   */
  public static SafeTensorsFile open(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      byte[] head = read(channel, 0, (int) Math.min(size, Placeholder.HEAD)).array();
      Optional<String> placeholder = Placeholder.ofBinary(head);
      if (placeholder.isPresent()) {
        throw new ModelFormatException("file " + path + " " + placeholder.get());
      }
      if (size < 8) {
        throw broken(path, "it has " + size + " bytes, a safetensors file has at least 8");
      }
      long headerLength = read(channel, 0, 8).getLong();
      if (headerLength < 2 || headerLength > MAX_HEADER || headerLength > size - 8) {
        throw broken(
            path,
            "its header claims "
                + Long.toUnsignedString(headerLength)
                + " bytes, the file has "
                + (size - 8)
                + " after the length field");
      }
      byte[] header = read(channel, 8, (int) headerLength).array();
      if (header[0] != '{') {
        throw broken(path, "its header is not a JSON object");
      }
      JsonNode root = JSON.readTree(header);
      if (!root.isObject()) {
        throw broken(path, "its header is not a JSON object");
      }
      Map<String, String> metadata = new LinkedHashMap<>();
      Map<String, TensorInfo> tensors = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> e : root.properties()) {
        if (e.getKey().equals("__metadata__")) {
          e.getValue()
              .properties()
              .forEach(m -> metadata.put(m.getKey(), m.getValue().asString("")));
        } else {
          tensors.put(e.getKey(), parse(path, e.getKey(), e.getValue()));
        }
      }
      checkLayout(path, tensors, size - 8 - headerLength);
      return new SafeTensorsFile(
          path,
          size,
          8 + headerLength,
          Collections.unmodifiableMap(tensors),
          Collections.unmodifiableMap(metadata));
    } catch (JacksonException e) {
      throw broken(path, "its header is not valid JSON (" + e.getOriginalMessage() + ")");
    } catch (NoSuchFileException e) {
      throw new ModelFormatException("file " + path + " does not exist");
    } catch (IOException e) {
      throw new ModelFormatException("file " + path + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static ByteBuffer read(FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException("it ends early");
      }
    }
    return buffer.flip();
  }

  private static TensorInfo parse(Path path, String name, JsonNode node) {
    JsonNode dtypeNode = node.path("dtype");
    JsonNode shapeNode = node.path("shape");
    JsonNode offsets = node.path("data_offsets");
    if (!dtypeNode.isString()
        || !shapeNode.isArray()
        || !offsets.isArray()
        || offsets.size() != 2) {
      throw broken(path, "tensor " + name + " lacks dtype, shape or two data_offsets");
    }
    StoredType type =
        StoredType.named(dtypeNode.asString())
            .orElseThrow(
                () ->
                    broken(
                        path,
                        "tensor " + name + " has the unsupported dtype " + dtypeNode.asString()));
    long[] shape = new long[shapeNode.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = nonNegative(path, name, "shape", shapeNode.get(i));
    }
    long begin = nonNegative(path, name, "data_offsets", offsets.get(0));
    long end = nonNegative(path, name, "data_offsets", offsets.get(1));
    long bits;
    try {
      bits = Math.multiplyExact(Shapes.elements(shape), type.bits());
    } catch (ArithmeticException e) {
      throw broken(path, "tensor " + name + " has the impossible shape " + Arrays.toString(shape));
    }
    if (bits % 8 != 0) {
      throw broken(
          path,
          "tensor " + name + " " + type + Arrays.toString(shape) + " does not fill its last byte");
    }
    long bytes = bits / 8;
    if (end - begin != bytes) {
      throw broken(
          path,
          "tensor "
              + name
              + " "
              + type
              + Arrays.toString(shape)
              + " needs "
              + bytes
              + " bytes, its data_offsets give "
              + (end - begin));
    }
    return new TensorInfo(name, type, shape, begin);
  }

  private static long nonNegative(Path path, String tensor, String key, JsonNode node) {
    if (!node.isIntegralNumber() || !node.canConvertToLong() || node.asLong() < 0) {
      throw broken(
          path,
          "tensor " + tensor + ": " + key + " holds " + node + ", expected whole numbers >= 0");
    }
    return node.asLong();
  }

  private static void checkLayout(Path path, Map<String, TensorInfo> tensors, long dataBytes) {
    List<TensorInfo> order = new ArrayList<>(tensors.values());
    order.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::bytes));
    long expected = 0;
    for (TensorInfo t : order) {
      if (t.begin() != expected) {
        throw broken(
            path,
            "tensor "
                + t.name()
                + " starts at "
                + t.begin()
                + (t.begin() < expected
                    ? ", inside the tensor before it, which ends at "
                    : ", leaving a gap after ")
                + expected);
      }
      expected += t.bytes();
    }
    if (expected != dataBytes) {
      throw broken(
          path,
          "its tensors need "
              + expected
              + " bytes, it holds "
              + dataBytes
              + (expected > dataBytes ? ": the file is cut off, download it again" : ""));
    }
  }

  private static ModelFormatException broken(Path path, String reason) {
    return new ModelFormatException("file " + path + " is not a valid safetensors file: " + reason);
  }

  public Path path() {
    return path;
  }

  /** The free texts of the header's {@code __metadata__}. */
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    return tensors.get(name);
  }

  @Override
  public String fileOf(String name) {
    return path.toString();
  }

  @Override
  public Tensor read(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new ModelFormatException("file " + path + " has no tensor " + name);
    }
    if (info.type().dtype().isEmpty()) {
      throw new ModelFormatException(
          "file "
              + path
              + ": tensor "
              + name
              + " is stored as "
              + info.type()
              + ", which JDiT does not compute with");
    }
    if (info.elements() == 0) {
      return Tensor.zeros(info.dtype(), io.jdit.tensor.Device.CPU, info.shape());
    }
    boolean interrupted = false;
    try {
      while (true) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
          if (channel.size() != size) {
            throw new ModelFormatException(
                "file %s was changed while it was in use: it had %d bytes, it has %d"
                    .formatted(path, size, channel.size()));
          }
          return Tensor.read(channel, dataStart + info.begin(), info.dtype(), info.shape());
        } catch (ClosedByInterruptException e) {
          // An interrupt closes the channel; whoever runs the thread looks at it later.
          interrupted |= Thread.interrupted();
        }
      }
    } catch (IOException e) {
      throw new ModelFormatException("file " + path + " cannot be read: " + e.getMessage(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    // Nothing is held between two reads.
  }
}
