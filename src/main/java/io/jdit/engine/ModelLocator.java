package io.jdit.engine;

import io.jdit.checkpoint.DownloadProgress;
import io.jdit.checkpoint.HubDownloader;
import io.jdit.checkpoint.HubId;
import io.jdit.checkpoint.ModelFormatException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Finds the folder that {@code --model-path} means. */
public final class ModelLocator {
  private ModelLocator() {}

  /**
   * A folder wins over a hub id of the same form, the embedded model's name over both.
   *
   * @param revision branch, tag or commit on the hub; null for the default
   * @throws ModelFormatException when the text is neither
   */
  public static Path locate(
      String modelPath,
      String revision,
      boolean offline,
      Map<String, String> environment,
      DownloadProgress progress) {
    if (modelPath.equals(EmbeddedModel.NAME)) {
      return EmbeddedModel.folder(environment);
    }
    try {
      Path folder = Path.of(modelPath);
      if (Files.isDirectory(folder)) {
        return folder;
      }
    } catch (InvalidPathException e) {
      throw new ModelFormatException("--model-path '" + modelPath + "' is not a valid path");
    }
    Optional<HubId> id = HubId.parse(modelPath);
    if (id.isEmpty()) {
      throw new ModelFormatException(
          "model folder "
              + modelPath
              + " does not exist, and it is not a hub id of the form org/name; the embedded"
              + " model is called "
              + EmbeddedModel.NAME);
    }
    HubId wanted = revision == null ? id.get() : new HubId(id.get().repo(), revision);
    return new HubDownloader(environment, offline, progress).fetch(wanted);
  }
}
