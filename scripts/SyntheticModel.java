import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Writes a model of a published model's shapes with random bfloat16 weights: {@code java -cp
 * 'target/classes:target/lib/*' scripts/SyntheticModel.java MANIFEST TOKENIZER TARGET}. MANIFEST has
 * the configurations and a list {@code COMPONENT.tensors.tsv} of names and shapes for each
 * component, as in src/test/resources/manifests; TOKENIZER is the folder of any tokenizer of the
 * class, whose words need not be the model's.
 */
public final class SyntheticModel {
  /** So many numbers are drawn, and repeated in larger tensors. */
  private static final int DRAWN = 1 << 24;

  public static void main(String[] args) throws IOException {
    Path manifest = Path.of(args[0]);
    Path target = Path.of(args[2]);
    copy(manifest, target);
    copy(Path.of(args[1]), target.resolve("tokenizer"));
    try (TensorScope scope = TensorScope.open();
        Generator generator = new Generator(0)) {
      Tensor numbers = generator.randn(DType.FLOAT32, DRAWN).to(DType.BFLOAT16);
      try (Stream<Path> lists = Files.list(manifest)) {
        for (Path list : (Iterable<Path>) lists.filter(l -> name(l).endsWith(".tensors.tsv"))::iterator) {
          write(list, target, numbers);
        }
      }
    }
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : (Iterable<Path>) files.filter(f -> !name(f).endsWith(".tsv"))::iterator) {
        Path copy = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else {
          Files.copy(file, copy);
        }
      }
    }
  }

  private static void write(Path list, Path target, Tensor numbers) throws IOException {
    List<SafeTensorsWriter.Entry> entries = new ArrayList<>();
    List<String> lines = Files.readAllLines(list);
    for (String line : lines.subList(1, lines.size())) {
      String[] fields = line.split("\t");
      long[] shape =
          fields[1].equals("scalar")
              ? new long[0]
              : Arrays.stream(fields[1].split(",")).mapToLong(Long::parseLong).toArray();
      entries.add(
          new SafeTensorsWriter.Entry(
              fields[0], DType.BFLOAT16, shape, () -> tensor(fields[0], shape, numbers)));
    }
    String component = name(list).replace(".tensors.tsv", "");
    String base = component.startsWith("text_encoder") ? "model" : "diffusion_pytorch_model";
    SafeTensorsWriter.write(
        target.resolve(component).resolve(base + ".safetensors"), entries, Map.of());
  }

  /** Normal, with variance 1 / inputs. */
  private static Tensor tensor(String name, long[] shape, Tensor numbers) {
    long elements = Shapes.elements(shape);
    double scale = shape.length > 1 ? Math.sqrt((double) shape[0] / elements) : 1;
    Tensor values = name.endsWith("running_var") ? numbers.abs() : numbers.mul(scale);
    return values.repeat((elements + DRAWN - 1) / DRAWN).narrow(0, 0, elements).view(shape);
  }
}
