package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every mistake gets one line that names the thing and the way out, and its exit code; nothing is
 * written.
 */
class BadInputTest {
  @TempDir private Path temp;
  private Path out;

  @BeforeEach
  void outputFolder() {
    out = temp.resolve("out");
  }

  @Test
  void wrongUsage() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "x");
    expect(2, "nothing to draw", "generate");
    expect(2, "did you mean --prompt", "generate", "--promt", "x");
    expect(2, "did you mean generate", "generat");
    expect(
        2,
        "--num-inference-steps': expected an integer >= 1, found '0'",
        generate("--num-inference-steps", "0"));
    expect(
        2,
        "--num-inference-steps': expected an integer >= 1, found '-3'",
        generate("--num-inference-steps", "-3"));
    expect(2, "height 100 is not a multiple of 8: use 96 or 104", generate("--height", "100"));
    expect(2, "width 4 is not a multiple of 8: use 8", generate("--width", "4"));
    expect(2, "--height': expected an integer >= 1", generate("--height", "0"));
    expect(2, "max-sequence-length must be <= 512", generate("--max-sequence-length", "513"));
    expect(
        2,
        "--num-outputs-per-prompt': expected an integer >= 1",
        generate("--num-outputs-per-prompt", "0"));
    expect(2, "unknown dtype 'int3'", generate("--dtype", "int3"));
    expect(2, "unknown device 'tpu'", generate("--device", "tpu"));
    expect(2, "LibTorch sees", generate("--device", "cuda:77"));
    expect(2, "--threads must be >= 1", generate("--threads", "0"));
    expect(2, "expected an integer >= 1, found 'abc'", generate("--height", "abc"));
    expect(
        2,
        "--dit-cpu-offload and --dit-layerwise-offload exclude each other",
        generate("--dit-cpu-offload", "--dit-layerwise-offload"));
    expect(
        2,
        "--performance-mode speed keeps everything in memory",
        generate("--performance-mode", "speed", "--vae-cpu-offload", "true"));
    expect(2, "expected true or false", generate("--vae-cpu-offload", "half"));
    expect(2, "expected one of auto, speed, memory, found", generate("--performance-mode", "fast"));
    expect(
        2,
        "expected a share below 1 or a whole number, found '1.5'",
        generate("--dit-layerwise-offload", "--dit-offload-prefetch-size", "1.5"));
    expect(
        2,
        "--dit-offload-prefetch-size needs --dit-layerwise-offload",
        generate("--dit-offload-prefetch-size", "2"));
    expect(
        2,
        "--vae-cpu-offload is for models with files",
        "bench",
        "--flux-mid",
        "--vae-cpu-offload");
    expect(
        2,
        "--dit-layerwise-resident-layers 12: the transformer has 12 layers",
        generate("--dit-layerwise-offload", "--dit-layerwise-resident-layers", "12"));
    expect(2, "--attention-backend 'sage3' is not", generate("--attention-backend", "sage3"));
    expect(2, "expected a whole number from -9223372036854775808", generate("--seed", "x"));
    expect(2, "expected one of [AUTO, ON, OFF]", generate("--preview", "maybe"));
    expect(
        2,
        "cannot be written",
        "generate",
        "--prompt",
        "x",
        "--output-path",
        file.resolve("sub").toString());
    expect(2, "is not a plain name", generate("--output-file-name", "a/b.png"));
    expect(2, "pictures are .png, .jpg or .webp", generate("--output-file-name", "a.mp4"));
    expect(
        2,
        "does not exist",
        "generate",
        "--prompt-path",
        temp.resolve("none.txt").toString(),
        "--output-path",
        out.toString());
    expect(
        2,
        "holds no prompt",
        "generate",
        "--prompt-path",
        Files.writeString(temp.resolve("empty.txt"), "\n \n").toString());
  }

  @Test
  void picturesThatCannotBeRead() throws IOException {
    byte[] jpeg = Files.readAllBytes(Fixture.ROOT.resolve("pictures/420.jpg"));
    Path cut = Files.write(temp.resolve("cut.jpg"), Arrays.copyOf(jpeg, jpeg.length / 2));
    Path empty = Files.createFile(temp.resolve("empty.png"));
    for (String model : List.of("qwen-image-edit-tiny", "wan21-i2v-tiny")) {
      String folder = Fixture.ROOT.resolve(model).resolve("pipeline").toString();
      Map.of(
              temp.resolve("none.png"),
              " does not exist",
              temp,
              ": a folder, expected PNG, JPEG, WebP, GIF or BMP",
              empty,
              ": an empty file, expected PNG, JPEG, WebP, GIF or BMP",
              cut,
              ": damaged picture")
          .forEach(
              (path, message) ->
                  expect(
                      2,
                      "image_path " + path + message,
                      generate("--model-path", folder, "--image-path", path.toString())));
    }
  }

  @Test
  void verboseAddsTheStackTrace() {
    CommandLineRun run = CommandLineRun.of(generate("--quiet", "--verbose"));
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .contains("\tat io.jdit")
        .endsWith("jdit: --quiet and --verbose exclude each other\n");
  }

  @Test
  void modelsThatAreNotThere() {
    expect(
        3, "does not exist, and it is not a hub id", generate("--model-path", "/no/such/folder"));
    expect(3, "the embedded model is called shapes", generate("--model-path", "shape"));
    expect(3, "downloads are off", generate("--model-path", "some-org/some-model", "--offline"));
    expect(3, "has no model_index.json", generate("--model-path", temp.toString()));
  }

  @Test
  void brokenModelFolders() throws IOException {
    broken(
        "lacks the component text_encoder",
        p -> p.edit("model_index.json", "\"text_encoder\"", "\"text_encoder_x\""));
    broken("component folder", p -> move(p, "vae", "vae2"));
    broken(
        "pipeline class StableDiffusionPipeline",
        p -> p.edit("model_index.json", "FluxPipeline", "StableDiffusionPipeline"));
    broken(
        "is a WeirdVae, supported here: AutoencoderKL",
        p -> p.edit("model_index.json", "AutoencoderKL", "WeirdVae"));
    broken("is not valid JSON at line", p -> p.edit("transformer/config.json", "{", "{,"));
    broken(
        "lacks tensor",
        p -> p.edit("transformer/config.json", "\"num_layers\": 4", "\"num_layers\": 5"));
    broken(
        "tensors that the model does not have",
        p -> p.edit("transformer/config.json", "\"num_layers\": 4", "\"num_layers\": 3"));
    broken(
        "expected [64, 17]",
        p -> p.edit("transformer/config.json", "\"in_channels\": 16", "\"in_channels\": 17"));
    broken(
        "is missing: diffusion_pytorch_model.safetensors.index.json names it",
        p -> move(p, "transformer/diffusion_pytorch_model-00002-of-00004.safetensors", "x"));
    broken("holds no weights", p -> move(p, "vae/diffusion_pytorch_model.safetensors", "x"));
    broken("does not exist", p -> move(p, "vae/config.json", "x"));
    broken(
        "expected a whole number",
        p -> p.edit("vae/config.json", "\"layers_per_block\": 1", "\"layers_per_block\": \"1\""));
  }

  @Test
  void brokenWeightFiles() throws IOException {
    broken(
        "cut off, download it again",
        p -> truncate(p.resolve("vae/diffusion_pytorch_model.safetensors"), 0.9));
    broken(
        "is not a valid safetensors file",
        p -> truncate(p.resolve("vae/diffusion_pytorch_model.safetensors"), 0.001));
    broken(
        "tensors that the model does not have, first extra.weight [3]",
        p -> rewrite(p, m -> m.put("extra.weight", Tensor.zeros(DType.FLOAT32, Device.CPU, 3))));
    broken(
        "lacks tensor decoder.conv_in.bias",
        p -> rewrite(p, m -> m.remove("decoder.conv_in.bias")));
    broken(
        "tensor decoder.conv_in.bias has shape [2, 16], expected [16]",
        p ->
            rewrite(
                p,
                m ->
                    m.put("decoder.conv_in.bias", Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 16))));
  }

  private void broken(String message, Consumer<TinyPipeline> damage) throws IOException {
    TinyPipeline p = TinyPipeline.copy("flux1-dev-tiny", Files.createTempDirectory(temp, "model"));
    damage.accept(p);
    expect(
        3,
        message,
        generate(
            "--model-path",
            p.folder().toString(),
            "--height",
            "64",
            "--width",
            "64",
            "--device",
            "cpu"));
  }

  private void expect(int code, String message, String... args) {
    CommandLineRun run = CommandLineRun.of(args);
    assertThat(run.err()).as(String.join(" ", args)).contains(message);
    assertThat(run.exitCode()).isEqualTo(code);
    assertThat(run.err().lines().filter(l -> l.startsWith("jdit: "))).hasSize(1);
    assertThat(run.err()).doesNotContain("\tat ").doesNotContain("Exception");
    assertThat(run.out()).isEmpty();
    assertThat(out.toFile().list())
        .as("files written")
        .satisfiesAnyOf(f -> assertThat(f).isNull(), f -> assertThat(f).isEmpty());
  }

  private String[] generate(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("generate", "--prompt", "a red circle", "--output-path", out.toString()));
    args.addAll(Arrays.asList(more));
    return args.toArray(String[]::new);
  }

  private static void move(TinyPipeline p, String from, String to) {
    try {
      Files.move(p.resolve(from), p.resolve(to));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void truncate(Path file, double share) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, (int) (bytes.length * share)));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void rewrite(TinyPipeline p, Consumer<Map<String, Tensor>> change) {
    Path file = p.resolve("vae/diffusion_pytorch_model.safetensors");
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile source = SafeTensorsFile.open(file)) {
      source.names().forEach(n -> tensors.put(n, source.read(n)));
      change.accept(tensors);
      SafeTensorsWriter.write(file, tensors);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
