package io.jdit.testing;

import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Names and shapes of a published checkpoint; reading gives tensors without data. */
public record Manifest(Path path, Map<String, TensorInfo> tensors) implements TensorSource {
  public static Manifest read(Path path) {
    try {
      Map<String, TensorInfo> tensors = new LinkedHashMap<>();
      List<String> lines = Files.readAllLines(path);
      for (String line : lines.subList(1, lines.size())) {
        String[] columns = line.split("\t");
        String sizes = columns[1].replaceAll("[\\[\\]]", "");
        long[] shape =
            sizes.isEmpty() || sizes.equals("scalar")
                ? new long[0]
                : Arrays.stream(sizes.split(",")).mapToLong(Long::parseLong).toArray();
        tensors.put(columns[0], new TensorInfo(columns[0], DType.BFLOAT16, shape, 0));
      }
      return new Manifest(path, tensors);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
  public Tensor read(String name) {
    return Tensor.empty(DType.BFLOAT16, Device.META, tensors.get(name).shape());
  }

  @Override
  public String fileOf(String name) {
    return path.toString();
  }

  @Override
  public void close() {}
}
