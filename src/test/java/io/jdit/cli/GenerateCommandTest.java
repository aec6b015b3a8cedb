package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.engine.Version;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.media.PngText;
import io.jdit.media.PngWriter;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.TensorAssert;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class GenerateCommandTest {
  @TempDir private Path folder;

  @Test
  void theEmbeddedModelWritesPictureLatentsAndReport() throws IOException {
    Path perf = folder.resolve("perf.json");
    Path latents = folder.resolve("latents.safetensors");
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--prompt",
            "a red circle on a white background",
            "--device",
            "cpu",
            "--true-cfg-scale",
            "1",
            "--guidance-scale",
            "0",
            "--seed",
            "0",
            "--output-path",
            folder.toString(),
            "--output-file-name",
            "red",
            "--perf-dump-path",
            perf.toString(),
            "--save-latents",
            latents.toString());
    assertThat(run.err()).contains("denoise").contains("step 28/28");
    assertThat(run.exitCode()).isZero();
    Path png = folder.resolve("red.png");
    assertThat(run.out().strip()).isEqualTo(png.toString());

    assertThat(PictureReader.read(png).width()).isEqualTo(64);
    Map<String, String> texts = PngText.read(png);
    assertThat(texts)
        .containsEntry("prompt", "a red circle on a white background")
        .containsEntry("seed", "0")
        .containsEntry("num_inference_steps", "28")
        .containsEntry("model", "shapes")
        .containsEntry("Software", "JDiT " + Version.text())
        .containsKey("settings");
    assertThat(CommandLineRun.of("inspect", png.toString()).out())
        .contains("prompt: a red circle on a white background");

    JsonNode json = ModelConfig.read(perf).json();
    assertThat(json.path("steps").findValuesAsString("name"))
        .containsExactly("load", "text_encode", "denoise", "decode", "save");
    assertThat(json.path("denoise_steps_ms").size()).isEqualTo(28);
    assertThat(json.at("/denoise_steps_ms/27/step").asInt()).isEqualTo(27);
    assertThat(json.at("/memory_checkpoints/denoise/peak_allocated_mb").asDouble()).isPositive();
    assertThat(json.at("/meta/model").asString()).isEqualTo("shapes");
    assertThat(json.at("/settings/seed").asInt()).isZero();
    assertThat(json.at("/images/0/path").asString()).isEqualTo(png.toString());
    assertThat(json.path("total_duration_ms").asDouble()).isPositive();

    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile actual = SafeTensorsFile.open(latents);
        SafeTensorsFile expected =
            SafeTensorsFile.open(Fixture.ROOT.resolve("shapes/expected.safetensors"))) {
      TensorAssert.assertThat(actual.read("latents")).isCloseTo(expected.read("0.latents"), 1e-4);
    }
  }

  @Test
  void severalPromptsAndSeedsGiveOneFileEach() throws IOException {
    Path prompts =
        Files.writeString(
            folder.resolve("prompts.txt"),
            "a blue star on a gray background\n\na green ring on a black background\n");
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--prompt-path",
            prompts.toString(),
            "--seed",
            "1,2",
            "--num-inference-steps",
            "1",
            "--output-path",
            folder.resolve("out").toString(),
            "--output-file-name",
            "p.png",
            "--device",
            "cpu",
            "--quiet");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    try (Stream<Path> files = Files.list(folder.resolve("out"))) {
      assertThat(files.map(f -> f.getFileName().toString()).sorted())
          .containsExactly(
              "manifest.jsonl", "p_00001_0.png", "p_00001_1.png", "p_00003_0.png", "p_00003_1.png");
    }
    for (String line : List.of("00001", "00003")) {
      for (int i = 0; i < 2; i++) {
        assertThat(PngText.read(folder.resolve("out/p_" + line + "_" + i + ".png")))
            .containsEntry("seed", String.valueOf(i + 1));
      }
    }
  }

  /** Everything that decides what a picture looks like stands in it; .PNG is PNG. */
  @Test
  void aPictureCarriesAllOfItsSettings() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--model-path",
            Fixture.ROOT.resolve("flux1-dev-tiny/pipeline").toString(),
            "--prompt=a",
            "--prompt-2=b",
            "--negative-prompt=c",
            "--negative-prompt-2=d",
            "--true-cfg-scale=2",
            "--cache",
            "--rdt=0.5",
            "--height=64",
            "--width=64",
            "--num-inference-steps=1",
            "--max-sequence-length=24",
            "--device=cpu",
            "--output-path=" + folder,
            "--output-file-name=all.PNG");
    assertThat(run.exitCode()).as(run.err()).isZero();
    Map<String, String> texts = PngText.read(folder.resolve("all.PNG"));
    assertThat(texts)
        .containsEntry("prompt_2", "b")
        .containsEntry("negative_prompt", "c")
        .containsEntry("negative_prompt_2", "d")
        .containsEntry("true_cfg_scale", "2.0");
    assertThat(texts.get("cache")).contains("residual_diff_threshold=0.5");
  }

  @Test
  void withoutACommandThereIsHelp() {
    CommandLineRun run = CommandLineRun.of();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("Usage: jdit").contains("generate");
  }

  /** A list is given by repeating the option; a model that takes one picture says so. */
  @Test
  void severalPicturesToBeginWith() throws IOException {
    List<String> pictures = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Path file = folder.resolve("in" + i + ".png");
      PngWriter.write(file, new Picture(32, 32, new byte[3 * 32 * 32]), Map.of());
      pictures.add(file.toString());
    }
    CommandLineRun plus = edit("qwen-image-edit-plus-tiny", pictures);
    assertThat(plus.exitCode()).as(plus.err()).isZero();
    assertThat(PngText.read(folder.resolve("edited.png")))
        .containsEntry("image_path", pictures.toString());
    CommandLineRun one = edit("qwen-image-edit-tiny", pictures);
    assertThat(one.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(one.err()).contains("--image-path is given 2 times, this model takes 1");
  }

  private CommandLineRun edit(String model, List<String> pictures) {
    List<String> arguments = new ArrayList<>(List.of("generate", "--prompt", "make it night"));
    pictures.forEach(p -> arguments.addAll(List.of("--image-path", p)));
    arguments.addAll(
        List.of("--model-path", Fixture.ROOT.resolve(model).resolve("pipeline").toString()));
    arguments.addAll(List.of("--height=64", "--width=64", "--num-inference-steps=2"));
    arguments.addAll(List.of("--device=cpu", "--output-path=" + folder));
    arguments.add("--output-file-name=edited");
    return CommandLineRun.of(arguments.toArray(String[]::new));
  }

  @Test
  void optionsWithoutMeaningAreAcceptedAndNamed() {
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--backend",
            "diffusers",
            "--enable-torch-compile",
            "--dit-cpu-offload",
            "false",
            "--prompt",
            "x",
            "--num-inference-steps",
            "1",
            "--device",
            "cpu",
            "--output-path",
            folder.toString());
    assertThat(run.exitCode()).isZero();
    assertThat(run.err())
        .contains("--backend has no effect")
        .contains("--compile: blocks are launched as CUDA graphs where one GPU holds them")
        .contains("offload: nothing; at most 0.02 GB");
  }
}
