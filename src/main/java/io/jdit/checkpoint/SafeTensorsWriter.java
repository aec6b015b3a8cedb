package io.jdit.checkpoint;

import io.jdit.media.AtomicFile;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes safetensors files; no half file is left. */
public final class SafeTensorsWriter {
  private SafeTensorsWriter() {}

  /** Writes {@code tensors} in the map's order; each at most 2 GiB. */
  public static void write(Path target, Map<String, Tensor> tensors) throws IOException {
    JsonMapper json = JsonMapper.shared();
    ObjectNode header = json.createObjectNode();
    long offset = 0;
    for (var e : tensors.entrySet()) {
      Tensor t = e.getValue();
      ObjectNode node = header.putObject(e.getKey());
      node.put("dtype", t.dtype().safetensorsName());
      var shape = node.putArray("shape");
      for (long s : t.shape()) {
        shape.add(s);
      }
      node.putArray("data_offsets").add(offset).add(offset + t.bytes());
      offset += t.bytes();
    }
    String text = json.writeValueAsString(header);
    // Padded with blanks so that the data starts at a multiple of 8.
    byte[] bytes =
        (text + " ".repeat((8 - text.getBytes(StandardCharsets.UTF_8).length % 8) % 8))
            .getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(
        target,
        out -> {
          out.write(
              ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length).flip());
          AtomicFile.writeFully(out, ByteBuffer.wrap(bytes));
          for (Tensor t : tensors.values()) {
            try (TensorScope scope = TensorScope.open()) {
              AtomicFile.writeFully(out, ByteBuffer.wrap(t.toBytes()));
            }
          }
        });
  }
}
