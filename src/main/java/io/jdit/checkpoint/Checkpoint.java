package io.jdit.checkpoint;

import io.jdit.checkpoint.WeightFiles.WeightSet;
import io.jdit.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * The weights of one component folder: {@code BASE.safetensors}, or {@code
 * BASE.safetensors.index.json} with the shards that its {@code weight_map} names. Base is {@code
 * diffusion_pytorch_model} in diffusers parts and {@code model} in transformers parts; a variant
 * such as {@code fp16} may be part of the names.
 */
public final class Checkpoint implements TensorSource {
  private final Path folder;
  private final Map<String, SafeTensorsFile> fileOfTensor;
  private final List<SafeTensorsFile> files;

  private Checkpoint(
      Path folder, List<SafeTensorsFile> files, Map<String, SafeTensorsFile> fileOfTensor) {
    this.folder = folder;
    this.files = files;
    this.fileOfTensor = fileOfTensor;
  }

  /** As {@link #open(Path, String)}, without asking for a variant. */
  public static Checkpoint open(Path folder) {
    return open(folder, WeightFiles.PLAIN);
  }

  /**
   * Opens all files and checks headers and index.
   *
   * @param variant of the weights where there is one, such as {@code fp16}; empty for none. Where
   *     only one variant is there, it is taken.
   * @throws ModelFormatException when there are no weights or several variants to choose from, a
   *     shard is missing, or a shard lacks a tensor that the index promises
   */
  public static Checkpoint open(Path folder, String variant) {
    List<String> names;
    try {
      names = PipelineFiles.names(folder);
    } catch (IOException e) {
      throw new ModelFormatException("folder " + folder + " cannot be read: " + e, e);
    }
    WeightSet set =
        new WeightFiles(names)
            .choose(
                variant,
                s -> s.whole() != null || names.containsAll(MissingFiles.shards(folder, s)),
                "folder " + folder)
            .orElseThrow(() -> noWeights(folder, names));
    if (set.whole() == null) {
      if (set.index() == null) {
        throw new ModelFormatException(
            "folder "
                + folder
                + " holds shards such as "
                + set.shards().get(0)
                + ", but not their .safetensors.index.json; download it again");
      }
      return openSharded(folder, folder.resolve(set.index()));
    }
    SafeTensorsFile file = SafeTensorsFile.open(folder.resolve(set.whole()));
    Map<String, SafeTensorsFile> map = new LinkedHashMap<>();
    file.names().forEach(n -> map.put(n, file));
    return new Checkpoint(folder, List.of(file), map);
  }

  private static ModelFormatException noWeights(Path folder, List<String> names) {
    String other =
        names.stream()
            .filter(n -> n.matches(".*\\.(safetensors|bin|pt|pth|ckpt|gguf|msgpack|h5)"))
            .findFirst()
            .map(n -> "; it has " + n)
            .orElse("");
    String quantized =
        Quantizer.of(folder, List.<String>of())
            .map(q -> ": they are quantized by " + q + ", " + q.wayOut())
            .orElse("");
    return new ModelFormatException(
        "folder "
            + folder
            + " holds no weights: expected "
            + WeightFiles.BASES.get(0)
            + ".safetensors or "
            + WeightFiles.BASES.get(1)
            + ".safetensors, with or without a variant, or one of them in shards with .index.json"
            + other
            + quantized);
  }

  private static Checkpoint openSharded(Path folder, Path index) {
    JsonNode weightMap = ModelConfig.read(index).json().path("weight_map");
    if (!weightMap.isObject()) {
      throw new ModelFormatException("file " + index + " lacks the object weight_map");
    }
    Map<String, SafeTensorsFile> shards = new TreeMap<>();
    Map<String, SafeTensorsFile> map = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> e : weightMap.properties()) {
      String name = e.getValue().asString("");
      if (name.isEmpty() || name.contains("/") || name.contains("\\")) {
        throw new ModelFormatException(
            "file " + index + ": " + e.getValue() + " is not a file name");
      }
      SafeTensorsFile shard =
          shards.computeIfAbsent(
              name,
              n -> {
                if (!Files.exists(folder.resolve(n))) {
                  throw new ModelFormatException(
                      "shard "
                          + folder.resolve(n)
                          + " is missing: "
                          + index.getFileName()
                          + " names it; download it again");
                }
                return SafeTensorsFile.open(folder.resolve(n));
              });
      if (shard.info(e.getKey()) == null) {
        throw new ModelFormatException(
            "shard "
                + shard.path()
                + " lacks tensor "
                + e.getKey()
                + ", which "
                + index.getFileName()
                + " places there");
      }
      map.put(e.getKey(), shard);
    }
    for (SafeTensorsFile shard : shards.values()) {
      for (String name : shard.names()) {
        if (!map.containsKey(name)) {
          throw new ModelFormatException(
              "shard "
                  + shard.path()
                  + " holds tensor "
                  + name
                  + ", which "
                  + index.getFileName()
                  + " does not list");
        }
      }
    }
    return new Checkpoint(folder, new ArrayList<>(shards.values()), map);
  }

  public List<SafeTensorsFile> files() {
    return files;
  }

  @Override
  public Set<String> names() {
    return fileOfTensor.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    SafeTensorsFile file = fileOfTensor.get(name);
    return file == null ? null : file.info(name);
  }

  @Override
  public Tensor read(String name) {
    SafeTensorsFile file = fileOfTensor.get(name);
    if (file == null) {
      throw new ModelFormatException("folder " + folder + " has no tensor " + name);
    }
    return file.read(name);
  }

  @Override
  public String fileOf(String name) {
    SafeTensorsFile file = fileOfTensor.get(name);
    return file == null
        ? (files.size() == 1 ? files.get(0).path() : folder).toString()
        : file.fileOf(name);
  }

  @Override
  public void close() {
    files.forEach(SafeTensorsFile::close);
  }
}
