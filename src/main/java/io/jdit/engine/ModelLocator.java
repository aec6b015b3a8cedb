package io.jdit.engine;

import io.jdit.checkpoint.DownloadProgress;
import io.jdit.checkpoint.HubDownloader;
import io.jdit.checkpoint.HubId;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.ShellPath;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Finds the folder that {@code --model-path} means. */
public final class ModelLocator {
  /** Names that no repository has, but files do. */
  private static final Pattern FILE =
      Pattern.compile(".*\\.(safetensors|gguf|ckpt|bin|pt|pth|json|sft)");

  private ModelLocator() {}

  /**
   * A folder wins over a hub id of the same form, the embedded model's name over both. A {@code ~}
   * that no shell has expanded, as in {@code --model-path=~/models/flux}, is the home folder.
   *
   * @param revision branch, tag or commit on the hub; null for the default
   * @param variant of the weights, such as {@code fp16}; null or empty for none
   * @throws ModelFormatException when the text is neither, or the model lacks the variant
   */
  public static Path locate(
      String modelPath,
      String revision,
      String variant,
      boolean offline,
      Map<String, String> environment,
      DownloadProgress progress) {
    String wanted = variant == null ? "" : variant;
    Path local =
        modelPath.equals(EmbeddedModel.NAME)
            ? EmbeddedModel.folder(environment)
            : local(modelPath, environment);
    if (local != null) {
      ModelFolder.requireVariant(local, wanted);
      return local;
    }
    Optional<HubId> id = HubId.parse(modelPath);
    if (id.isEmpty() || FILE.matcher(modelPath).matches()) {
      throw new ModelFormatException(
          "model folder "
              + modelPath
              + " does not exist, and it is not a hub id of the form org/name; the embedded"
              + " model is called "
              + EmbeddedModel.NAME);
    }
    HubId found = revision == null ? id.get() : new HubId(id.get().repo(), revision);
    return new HubDownloader(environment, offline, wanted, progress).fetch(found);
  }

  /** The folder of that name on this machine; null when there is none. */
  private static Path local(String modelPath, Map<String, String> environment) {
    Path path;
    try {
      path = Path.of(modelPath);
      if (modelPath.startsWith("~") && !Files.exists(path)) {
        path = ShellPath.of(modelPath, environment);
      }
    } catch (InvalidPathException e) {
      throw new ModelFormatException("--model-path '" + modelPath + "' is not a valid path");
    }
    if (Files.isDirectory(path)) {
      return path;
    }
    if (Files.exists(path)) {
      throw new ModelFormatException(
          "--model-path "
              + modelPath
              + " is a file: expected a diffusers pipeline folder, which has a model_index.json, or a"
              + " model on the hub; checkpoints of a single file are not supported yet");
    }
    if (Files.isSymbolicLink(path)) {
      throw new ModelFormatException("--model-path " + modelPath + " is a link that leads nowhere");
    }
    return null;
  }
}
