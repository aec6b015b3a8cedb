package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.DownloadProgress;
import io.jdit.checkpoint.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelLocatorTest {
  @TempDir private Path temp;

  /** A shell leaves the tilde of {@code --model-path=~/flux} alone. */
  @Test
  void aHomeThatNoShellHasExpanded() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("models/flux"));
    assertThat(locate("~/models/flux")).isEqualTo(folder);
    assertThatThrownBy(() -> locate("~/models/other")).hasMessageContaining("does not exist");
  }

  @Test
  void anExistingFileIsNoModel() throws IOException {
    for (String name : new String[] {"flux1-dev.safetensors", "model_index.json", "flux.gguf"}) {
      Path file = Files.writeString(temp.resolve(name), "x");
      assertThatThrownBy(() -> locate(file.toString()))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining(file + " is a file: expected a diffusers pipeline folder");
    }
    Path link = Files.createSymbolicLink(temp.resolve("link"), temp.resolve("gone"));
    assertThatThrownBy(() -> locate(link.toString())).hasMessageContaining("leads nowhere");
  }

  /** These have the form of a name on the hub, and none there has such an end. */
  @ParameterizedTest
  @ValueSource(strings = {"sf/flux1.safetensors", "models/flux.gguf", "flux/model_index.json"})
  void aFileThatIsNotThereIsNotAskedOfTheHub(String path) {
    assertThatThrownBy(() -> locate(path))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("model folder " + path + " does not exist");
  }

  @Test
  void theEmbeddedModelHasNoVariants() {
    assertThatThrownBy(
            () ->
                ModelLocator.locate(
                    "shapes", null, "fp16", true, System.getenv(), DownloadProgress.SILENT))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("has no weights of the variant fp16; it has none");
  }

  private Path locate(String modelPath) {
    Map<String, String> environment =
        Map.of("HOME", temp.toString(), "HF_ENDPOINT", "http://x.invalid");
    return ModelLocator.locate(modelPath, null, null, false, environment, DownloadProgress.SILENT);
  }
}
