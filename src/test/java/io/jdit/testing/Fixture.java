package io.jdit.testing;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/** A folder of the reference's results: a pipeline, what it was called with, what came out. */
public final class Fixture implements AutoCloseable {
  public static final Path ROOT = Path.of("src/test/resources/fixtures");

  /** Names of one pipeline of every family. */
  public static List<String> families() {
    return List.of(
        "flux1-dev-tiny",
        "qwen-image-tiny",
        "z-image-turbo-tiny",
        "wan21-t2v-tiny",
        "hunyuan-video-tiny",
        "flux2-tiny");
  }

  private final Path folder;
  private final SafeTensorsFile tensors;
  private final JsonNode expected;

  public Fixture(String name) {
    folder = ROOT.resolve(name);
    tensors = SafeTensorsFile.open(folder.resolve("expected.safetensors"));
    expected = ModelConfig.read(folder.resolve("expected.json")).json();
  }

  public Path pipeline() {
    return folder.resolve("pipeline");
  }

  public JsonNode json() {
    return expected;
  }

  public boolean has(String tensor) {
    return tensors.info(tensor) != null;
  }

  public Tensor tensor(String name) {
    return tensors.read(name);
  }

  /** Token ids of a prompt of {@code tokenizer_ids}. */
  public long[] ids(String prompt, String tokenizer) {
    JsonNode node = expected.path("tokenizer_ids").path(prompt).path(tokenizer);
    long[] ids = new long[node.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = node.get(i).asLong();
    }
    return ids;
  }

  public ModelConfig config(String component) {
    return ModelConfig.read(pipeline().resolve(component).resolve("config.json"));
  }

  /** A cached run's YAML, with the settings of single block groups in the place of ours. */
  public static String withBlockGroups(JsonNode run) {
    StringBuilder yaml = new StringBuilder(run.path("yaml").stringValue());
    JsonNode modifiers = run.path("modifier_yamls");
    for (int i = 0; i < modifiers.size(); i++) {
      yaml.append(i == 0 ? "  per_block_group:\n" : "")
          .append(
              modifiers
                  .get(i)
                  .stringValue()
                  .replaceAll("(?m)^ {2}", "      ")
                  .replace("cache_config:\n", "    -\n"));
    }
    return yaml.toString();
  }

  /** Builds a component from its checkpoint, strictly; its weights belong to {@code owner}. */
  public <T> T build(
      String component, DType dtype, TensorScope owner, Function<Weights, T> constructor) {
    try (Checkpoint checkpoint = Checkpoint.open(pipeline().resolve(component))) {
      Weights w = new Weights(checkpoint, dtype, Device.CPU, owner);
      T module = constructor.apply(w);
      w.requireAllUsed();
      return module;
    }
  }

  @Override
  public void close() {
    tensors.close();
  }
}
