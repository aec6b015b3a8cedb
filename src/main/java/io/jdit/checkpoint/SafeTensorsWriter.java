package io.jdit.checkpoint;

import io.jdit.media.AtomicFile;
import io.jdit.tensor.DType;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes safetensors files; no half file is left. */
public final class SafeTensorsWriter {
  private SafeTensorsWriter() {}

  /**
   * A tensor that is made when its turn comes.
   *
   * @param tensor makes it; it is closed after it was written
   */
  public record Entry(String name, DType dtype, long[] shape, Supplier<Tensor> tensor) {
    public long bytes() {
      return Shapes.elements(shape) * dtype.bytes();
    }
  }

  /** Writes {@code tensors} in the map's order; each at most 2 GiB. */
  public static void write(Path target, Map<String, Tensor> tensors) throws IOException {
    List<Entry> entries = new ArrayList<>();
    tensors.forEach((name, t) -> entries.add(new Entry(name, t.dtype(), t.shape(), t::alias)));
    write(target, entries, Map.of());
  }

  /**
   * Writes tensors one after the other, so that only one has to be there at a time; each at most 2
   * GiB.
   *
   * @param metadata free texts of the header
   */
  public static void write(Path target, List<Entry> tensors, Map<String, String> metadata)
      throws IOException {
    byte[] header = header(tensors, metadata);
    AtomicFile.write(
        target,
        out -> {
          out.write(
              ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip());
          AtomicFile.writeFully(out, ByteBuffer.wrap(header));
          for (Entry e : tensors) {
            try (TensorScope scope = TensorScope.open()) {
              AtomicFile.writeFully(out, ByteBuffer.wrap(e.tensor.get().toBytes()));
            }
          }
        });
  }

  private static byte[] header(List<Entry> tensors, Map<String, String> metadata) {
    JsonMapper json = JsonMapper.shared();
    ObjectNode header = json.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = header.putObject("__metadata__");
      metadata.forEach(texts::put);
    }
    long offset = 0;
    for (Entry e : tensors) {
      ObjectNode node = header.putObject(e.name);
      node.put("dtype", e.dtype.safetensorsName());
      var shape = node.putArray("shape");
      for (long s : e.shape) {
        shape.add(s);
      }
      node.putArray("data_offsets").add(offset).add(offset + e.bytes());
      offset += e.bytes();
    }
    String text = json.writeValueAsString(header);
    // Padded with blanks so that the data starts at a multiple of 8.
    return (text + " ".repeat((8 - text.getBytes(StandardCharsets.UTF_8).length % 8) % 8))
        .getBytes(StandardCharsets.UTF_8);
  }
}
