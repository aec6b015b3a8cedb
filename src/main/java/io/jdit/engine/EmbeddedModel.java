package io.jdit.engine;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.ShellPath;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;

/**
 * The model that ships with JDiT. An installation has it as a folder beside the launcher; from the
 * jar alone it is copied once into the cache folder, since checkpoints are memory-mapped.
 */
public final class EmbeddedModel {
  public static final String NAME = "shapes";

  private static final String RESOURCES = "/io/jdit/models/shapes/";
  private static final List<String> FILES =
      List.of(
          "generation_config.json",
          "model_index.json",
          "profiles/forecast-28-steps-guidance-3.json",
          "profiles/forecast-28-steps-no-guidance.json",
          "scheduler/scheduler_config.json",
          "text_encoder/config.json",
          "text_encoder/model.safetensors",
          "text_encoder_2/config.json",
          "text_encoder_2/model.safetensors",
          "tokenizer/tokenizer.json",
          "tokenizer/tokenizer_config.json",
          "tokenizer_2/tokenizer.json",
          "tokenizer_2/tokenizer_config.json",
          "transformer/config.json",
          "transformer/diffusion_pytorch_model.safetensors",
          "vae/config.json",
          "vae/diffusion_pytorch_model.safetensors");

  private EmbeddedModel() {}

  static Path folder(Map<String, String> environment) {
    String home = System.getProperty("jdit.home");
    if (home != null && Files.exists(Path.of(home, "models", NAME, "model_index.json"))) {
      return Path.of(home, "models", NAME);
    }
    String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
    Path base = ShellPath.of(cache.isEmpty() ? "~/.cache" : cache, environment);
    Path folder = base.resolve("jdit").resolve(NAME + "-" + Version.text());
    try {
      for (String file : FILES) {
        copy(file, folder.resolve(file));
      }
    } catch (IOException e) {
      throw new ModelFormatException(
          "the embedded model cannot be copied to "
              + folder
              + " ("
              + e.getMessage()
              + "); set XDG_CACHE_HOME to a writable folder",
          e);
    }
    return folder;
  }

  /** Through a temporary name, so that two processes that start at once do not see half a file. */
  private static void copy(String file, Path target) throws IOException {
    if (Files.exists(target) && Files.size(target) == size(file)) {
      return; // an earlier build of this version may have had another one
    }
    Files.createDirectories(target.getParent());
    Path temporary = Files.createTempFile(target.getParent(), ".copy", ".tmp");
    try (InputStream in = resource(file).getInputStream()) {
      Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static long size(String file) throws IOException {
    URLConnection resource = resource(file);
    try (InputStream in = resource.getInputStream()) {
      return resource.getContentLengthLong();
    }
  }

  private static URLConnection resource(String file) throws IOException {
    URL url = EmbeddedModel.class.getResource(RESOURCES + file);
    if (url == null) {
      throw new IOException("this build does not contain " + file);
    }
    return url.openConnection();
  }
}
