package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Model folders as they exist: those that mean the same model draw the same latents, the others are
 * named as what they are.
 */
class OddCheckpointsTest {
  private static final String TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors";
  private static final String VAE = "vae/diffusion_pytorch_model.safetensors";
  private static final String CLIP = "text_encoder/model.safetensors";
  private static final String T5 = "text_encoder_2/model.safetensors";

  private static Path expected; // latents of the folder as it is

  @TempDir private static Path shared;
  @TempDir private Path temp;

  @Test
  void variantsOnly() throws IOException {
    TinyPipeline model = schnell();
    for (String file : List.of(TRANSFORMER, VAE, CLIP, T5)) {
      move(model, file, file.replace(".safetensors", ".fp16.safetensors"));
    }
    assertThat(drawsTheSame(model).err()).containsOnlyOnce("has weights in the variant fp16 only");
    assertThat(drawsTheSame(model, "--model-variant", "fp16").err()).doesNotContain("only");
    fails(
        model, "no weights of the variant bf16; its variants are fp16", "--model-variant", "bf16");
    CommandLineRun inspected = CommandLineRun.of("inspect", model.folder().toString());
    assertThat(inspected.exitCode()).as(inspected.err()).isZero();
  }

  @Test
  void theVariantThatIsAskedFor() throws IOException {
    TinyPipeline model = schnell();
    Files.copy(model.resolve(VAE), model.resolve(VAE.replace(".safetensors", ".fp16.safetensors")));
    rewrite(model, VAE, tensors -> tensors.remove("decoder.conv_in.bias"));
    drawsTheSame(model, "--model-variant", "fp16");
    fails(model, "lacks tensor decoder.conv_in.bias");
  }

  @Test
  void aWholeTextModelWithDecoderAndHeads() throws IOException {
    TinyPipeline model = schnell();
    rewrite(
        model,
        T5,
        tensors -> {
          tensors.put("lm_head.weight", zeros(4, 4));
          tensors.put("decoder.final_layer_norm.weight", zeros(4));
          tensors.put("decoder.embed_tokens.weight", zeros(4));
        });
    rewrite(
        model,
        CLIP,
        tensors -> {
          tensors.put("logit_scale", zeros());
          tensors.put("text_projection.weight", zeros(4, 4));
          tensors.put("visual_projection.weight", zeros(4, 4));
          tensors.put("vision_model.embeddings.position_ids", zeros(1, 4));
        });
    drawsTheSame(model);
  }

  @Test
  void otherExtraTensorsAreAnError() throws IOException {
    TinyPipeline model = schnell();
    rewrite(model, T5, tensors -> tensors.put("encoder.block.9.extra.weight", zeros(4)));
    fails(model, "tensors that the model does not have, first encoder.block.9.extra.weight");
  }

  @Test
  void settingsOfATextModelInsideThoseOfAnother() throws IOException {
    TinyPipeline model = schnell();
    Path config = model.resolve("text_encoder/config.json");
    Files.writeString(
        config,
        "{\"architectures\": [\"CLIPModel\"], \"model_type\": \"clip\", \"hidden_size\": 7, \"text_config\": "
            + Files.readString(config)
            + ", \"vision_config\": {}}");
    drawsTheSame(model);
  }

  @Test
  void aWholeFileBesideAStaleIndex() throws IOException {
    TinyPipeline model = schnell();
    for (String file : List.of(T5, VAE)) {
      String base = file.substring(file.indexOf('/') + 1).replace(".safetensors", "");
      Files.writeString(
          model.resolve(file + ".index.json"),
          "{\"weight_map\": {\"a\": \"" + base + "-00001-of-00002.safetensors\"}}");
    }
    drawsTheSame(model);
  }

  @Test
  void pointersAndPagesInPlaceOfFiles() throws IOException {
    String pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 9\n";
    for (String file : List.of(TRANSFORMER, "vae/config.json", "tokenizer_2/tokenizer.json")) {
      TinyPipeline model = schnell();
      Files.writeString(model.resolve(file), pointer);
      fails(model, file + " is a Git LFS pointer");
      Files.writeString(model.resolve(file), "<!doctype html><title>Log in</title>");
      fails(model, file + " is an HTML page");
    }
  }

  @Test
  void aModelPathThatIsAFile() throws IOException {
    Path file = Files.write(temp.resolve("flux1-dev.safetensors"), new byte[9]);
    CommandLineRun run =
        CommandLineRun.of("generate", "--prompt", "x", "--model-path", file.toString());
    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains("--model-path " + file + " is a file");
    run = CommandLineRun.of("generate", "--prompt", "x", "--model-path", "sf/none.safetensors");
    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err()).contains("model folder sf/none.safetensors does not exist");
  }

  @Test
  void weightsOfAQuantizerByTheConfiguration() throws IOException {
    TinyPipeline model = schnell();
    model.edit(
        "transformer/config.json",
        "{",
        "{\"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true},");
    fails(model, "are quantized by bitsandbytes (4 bits)");
    assertThat(CommandLineRun.of("inspect", model.folder().toString()).out())
        .contains("quantized by bitsandbytes (4 bits)");
  }

  @Test
  void torchaoWithoutItsMetadata() throws IOException {
    TinyPipeline model = schnell();
    model.edit(
        "transformer/config.json",
        "{",
        "{\"quantization_config\": {\"quant_method\": \"torchao\"},");
    String way = "save it by torchao 0.16 or later with safe_serialization=True";
    fails(model, way);
    move(model, TRANSFORMER, TRANSFORMER.replace(".safetensors", ".bin"));
    fails(model, "it has diffusion_pytorch_model.bin");
    fails(model, way);
  }

  @Test
  void weightsOfAQuantizerByTensors() throws IOException {
    TinyPipeline model = schnell();
    rewrite(
        model,
        T5,
        tensors -> {
          String name = "encoder.block.0.layer.0.SelfAttention.q";
          tensors.put(name + ".weight", Tensor.zeros(DType.INT8, Device.CPU, 4, 4));
          tensors.put(name + ".SCB", zeros(4));
        });
    fails(model, "text_encoder_2 are quantized by bitsandbytes (8 bits) (tensor encoder.block.0");
  }

  @ParameterizedTest
  @CsvSource({
    "U16, 2, 4",
    "U32, 2, 8",
    "U64, 2, 16",
    "C64, 1, 8",
    "F8_E8M0, 2, 2",
    "F8_E4M3FNUZ, 2, 2",
    "F6_E2M3, 4, 3",
    "F4, 4, 2",
  })
  void typesThatCanBeListedOnly(String type, long elements, int bytes) throws IOException {
    String header =
        "{\"a\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(type, elements, bytes);
    Path file = temp.resolve("x.safetensors");
    ByteBuffer buffer =
        ByteBuffer.allocate(8 + header.length() + bytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    Files.write(file, buffer.array());
    CommandLineRun run = CommandLineRun.of("inspect", file.toString());
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).containsPattern(type + " +\\[" + elements + "\\] +a");
    assertThat(run.exitCode()).isZero();
    TinyPipeline model = schnell();
    Files.copy(file, model.resolve(VAE), StandardCopyOption.REPLACE_EXISTING);
    CommandLineRun folder = CommandLineRun.of("inspect", model.folder().toString());
    assertThat(folder.out()).contains(elements + " " + type.toLowerCase(Locale.ROOT));
  }

  private CommandLineRun drawsTheSame(TinyPipeline model, String... options) throws IOException {
    if (expected == null) {
      expected = shared.resolve("expected.safetensors");
      CommandLineRun run = generate(schnell(), expected);
      assertThat(run.exitCode()).as(run.err()).isZero();
    }
    Path latents = temp.resolve("latents.safetensors");
    CommandLineRun run = generate(model, latents, options);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(latents).hasSameBinaryContentAs(expected);
    return run;
  }

  private void fails(TinyPipeline model, String message, String... options) {
    CommandLineRun run = generate(model, temp.resolve("none.safetensors"), options);
    assertThat(run.err()).contains(message);
    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(run.err().lines().filter(l -> l.startsWith("jdit: "))).hasSize(1);
  }

  private CommandLineRun generate(TinyPipeline model, Path latents, String... options) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "generate",
                "--model-path",
                model.folder().toString(),
                "--prompt",
                "a fox",
                "--seed",
                "1",
                "--num-inference-steps",
                "1",
                "--height",
                "64",
                "--width",
                "64",
                "--max-sequence-length",
                "24",
                "--device",
                "cpu",
                "--save-latents",
                latents.toString(),
                "--output-path",
                temp.resolve("out").toString()));
    args.addAll(List.of(options));
    return CommandLineRun.of(args.toArray(String[]::new));
  }

  private TinyPipeline schnell() throws IOException {
    return TinyPipeline.copy("flux1-schnell-tiny", Files.createTempDirectory(temp, "model"));
  }

  private static Tensor zeros(long... shape) {
    return Tensor.zeros(DType.FLOAT32, Device.CPU, shape);
  }

  private static void move(TinyPipeline model, String from, String to) throws IOException {
    Files.move(model.resolve(from), model.resolve(to));
  }

  private static void rewrite(TinyPipeline model, String name, Consumer<Map<String, Tensor>> change)
      throws IOException {
    Path file = model.resolve(name);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile source = SafeTensorsFile.open(file)) {
      source.names().forEach(n -> tensors.put(n, source.read(n)));
      change.accept(tensors);
      SafeTensorsWriter.write(file, tensors);
    }
  }
}
