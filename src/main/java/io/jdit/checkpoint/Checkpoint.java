package io.jdit.checkpoint;

import io.jdit.tensor.Tensor;
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
 * diffusion_pytorch_model} in diffusers parts and {@code model} in transformers parts.
 */
public final class Checkpoint implements TensorSource {
  private static final List<String> BASES = List.of("diffusion_pytorch_model", "model");

  private final Path folder;
  private final Map<String, SafeTensorsFile> fileOfTensor;
  private final List<SafeTensorsFile> files;

  private Checkpoint(
      Path folder, List<SafeTensorsFile> files, Map<String, SafeTensorsFile> fileOfTensor) {
    this.folder = folder;
    this.files = files;
    this.fileOfTensor = fileOfTensor;
  }

  /**
   * Opens all files and checks headers and index.
   *
   * @throws ModelFormatException when there are no weights, a shard is missing, or a shard lacks a
   *     tensor that the index promises
   */
  public static Checkpoint open(Path folder) {
    for (String base : BASES) {
      Path index = folder.resolve(base + ".safetensors.index.json");
      Path single = folder.resolve(base + ".safetensors");
      if (Files.exists(index)) {
        return openSharded(folder, index);
      }
      if (Files.exists(single)) {
        SafeTensorsFile file = SafeTensorsFile.open(single);
        Map<String, SafeTensorsFile> map = new LinkedHashMap<>();
        file.names().forEach(n -> map.put(n, file));
        return new Checkpoint(folder, List.of(file), map);
      }
    }
    throw new ModelFormatException(
        "folder "
            + folder
            + " holds no weights: expected "
            + BASES.get(0)
            + ".safetensors or "
            + BASES.get(1)
            + ".safetensors, or one of them in shards with .index.json");
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
