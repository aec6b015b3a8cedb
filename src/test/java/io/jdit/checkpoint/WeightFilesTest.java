package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.WeightFiles.WeightSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** File names as diffusers and transformers write them, also in older releases. */
class WeightFilesTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          model.safetensors                                                                     | ''    | model.safetensors
          model.fp16.safetensors                                                                | fp16  | model.fp16.safetensors
          diffusion_pytorch_model.non_ema.safetensors                                           | non_ema | diffusion_pytorch_model.non_ema.safetensors
          model.safetensors.index.json model-00001-of-00001.safetensors                         | ''    | model.safetensors.index.json model-00001-of-00001.safetensors
          model.safetensors.index.fp16.json model.fp16-00001-of-00001.safetensors               | fp16  | model.safetensors.index.fp16.json model.fp16-00001-of-00001.safetensors
          model.fp16.safetensors.index.json model-00001-of-00001.fp16.safetensors               | fp16  | model.fp16.safetensors.index.json model-00001-of-00001.fp16.safetensors
          diffusion_pytorch_model.safetensors.fp16.index.json diffusion_pytorch_model-00001-of-00001.fp16.safetensors | fp16 | diffusion_pytorch_model.safetensors.fp16.index.json diffusion_pytorch_model-00001-of-00001.fp16.safetensors
          """)
  void names(String files, String variant, String chosen) {
    WeightFiles weights = new WeightFiles(List.of(files.split(" ")));
    assertThat(weights.variants()).containsExactly(variant);
    WeightSet set = weights.choose("", WeightSet::isComplete, "x").orElseThrow();
    assertThat(set.names()).containsExactly(chosen.split(" "));
    assertThat(set.isComplete()).isTrue();
    assertThat(weights.choose(variant, WeightSet::isComplete, "x")).contains(set);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          model.safetensors model.fp16.safetensors | '' | model.safetensors
          model.safetensors model.fp16.safetensors | fp16 | model.fp16.safetensors
          model.safetensors model.fp16.safetensors | bf16 | model.safetensors
          model.fp16.safetensors model.bf16.safetensors | bf16 | model.bf16.safetensors
          model.safetensors model.safetensors.index.json model-00001-of-00001.safetensors | '' | model.safetensors
          diffusion_pytorch_model.safetensors diffusion_pytorch_model.safetensors.index.json diffusion_pytorch_model-00001-of-00001.safetensors | '' | diffusion_pytorch_model.safetensors.index.json diffusion_pytorch_model-00001-of-00001.safetensors
          diffusion_pytorch_model.safetensors diffusion_pytorch_model.safetensors.index.json | '' | diffusion_pytorch_model.safetensors
          diffusion_pytorch_model.safetensors diffusion_pytorch_model.safetensors.index.json diffusion_pytorch_model-00001-of-00002.safetensors | '' | diffusion_pytorch_model.safetensors
          model.safetensors.index.json model-00001-of-00002.safetensors | '' | model.safetensors.index.json model-00001-of-00002.safetensors
          """)
  void whichOfSeveral(String files, String wanted, String chosen) {
    WeightFiles weights = new WeightFiles(List.of(files.split(" ")));
    assertThat(weights.choose(wanted, WeightSet::isComplete, "x").orElseThrow().names())
        .containsExactly(chosen.split(" "));
  }

  @Test
  void otherFilesAreNoWeights() {
    WeightFiles weights =
        new WeightFiles(
            List.of("config.json", "flux1-dev.safetensors", "pytorch_model.bin.index.json"));
    assertThat(weights.isEmpty()).isTrue();
    assertThat(weights.choose("", WeightSet::isComplete, "x")).isEmpty();
  }

  @Test
  void severalVariantsAndNoneWanted() {
    WeightFiles weights =
        new WeightFiles(List.of("model.fp16.safetensors", "model.bf16.safetensors"));
    assertThatThrownBy(() -> weights.choose("", WeightSet::isComplete, "vae"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(
            "vae has weights in the variants bf16, fp16 only: choose one with --model-variant");
    assertThatThrownBy(() -> weights.choose("int8", WeightSet::isComplete, "vae"))
        .hasMessageContaining("not in int8");
  }
}
