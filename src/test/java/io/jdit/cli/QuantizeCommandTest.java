package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.QuantType;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.tensor.DType;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@ExtendWith(NoLeaks.class)
class QuantizeCommandTest {
  private static final Path MODEL = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline");
  private static final Values REQUEST = Requests.small("a red fox", 64, 64, 2, 32);

  @TempDir private Path temp;

  private static long bytes(Path model) {
    try (Checkpoint c = Checkpoint.open(model.resolve("transformer"))) {
      return c.names().stream().mapToLong(n -> c.info(n).bytes()).sum();
    }
  }

  private CommandLineRun quantize(Path model, String... more) {
    return CommandLineRun.of(
        Stream.concat(
                Stream.of(
                    "quantize",
                    "--model-path",
                    model.toString(),
                    "--output-path",
                    temp.resolve("out").toString()),
                Stream.of(more))
            .toArray(String[]::new));
  }

  /** Bit for bit what quantizing the original while it is loaded gives. */
  @ParameterizedTest
  @CsvSource({"int8, INT8_PER_ROW", "float8_weight_only, FLOAT8_WEIGHT_ONLY"})
  void theResultLoadsByItself(String name, QuantType type) throws IOException {
    CommandLineRun run = quantize(MODEL, "--quantization", name);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("quantized transformer: transformer_blocks");
    Path out = temp.resolve("out");
    assertThat(bytes(out)).isLessThan(bytes(MODEL) / 2);
    Strategies asked = Strategies.cpu().withFormats(Quantization.of(QuantizeConfig.of(type)));
    try (Engine here = Engine.load(MODEL, asked);
        Engine stored = Engine.load(out, Strategies.cpu());
        Result expected = here.generate(REQUEST);
        Result found = stored.generate(REQUEST)) {
      assertThat(found.latents().equalTo(expected.latents())).isTrue();
      assertThat(stored.formatReport()).isEqualTo(here.formatReport());
    }
    CommandLineRun inspect = CommandLineRun.of("inspect", out.toString());
    assertThat(inspect.out())
        .containsPattern("quantized: \\d+ layers " + type.text())
        .doesNotContain("not supported");
  }

  @Test
  void shardsStayShards() {
    assertThat(quantize(MODEL, "--quantization", "int8_weight_only").exitCode()).isZero();
    try (Checkpoint before = Checkpoint.open(MODEL.resolve("transformer"));
        Checkpoint after = Checkpoint.open(temp.resolve("out/transformer"))) {
      assertThat(after.files()).hasSameSizeAs(before.files()).hasSizeGreaterThan(1);
      // Readers of torchao's files keep the names of one shard.
      assertThat(after.files())
          .extracting(f -> f.metadata().get("tensor_names"))
          .containsOnly(JsonMapper.shared().writeValueAsString(before.names()));
      assertThat(after.names())
          .contains("transformer_blocks.0.attn.to_q._weight_qdata", "x_embedder.weight");
      assertThat(after.info("transformer_blocks.0.attn.to_q._weight_scale").shape())
          .containsExactly(before.info("transformer_blocks.0.attn.to_q.weight").shape()[0], 1);
    }
  }

  /** A whole file, in float16; its layers have sizes that every type fits. */
  @ParameterizedTest
  @EnumSource(QuantType.class)
  void everyTypeOfTheEmbeddedModel(QuantType type) {
    CommandLineRun run = quantize(Path.of("models/shapes"), "--quantization", type.text());
    assertThat(run.exitCode()).as(run.err()).isZero();
    try (Engine engine =
            Engine.load(temp.resolve("out"), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r =
            engine.generate(
                Values.of(RequestKeys.PROMPT, "a red circle")
                    .with(RequestKeys.NUM_INFERENCE_STEPS, 1))) {
      assertThat(r.pictures()).hasSize(1);
      assertThat(engine.formatReport()).anyMatch(l -> l.contains(type.text()));
    }
  }

  @Test
  void settingsOfAFileAndOtherComponents() throws IOException {
    Path file =
        Files.writeString(
            temp.resolve("q.yaml"),
            """
            quantize_config:
              quant_type: float8_weight_only
              precision_plan: {ff: int8_weight_only}
              components_to_quantize: {text_encoder_2: int8_weight_only}
            """);
    CommandLineRun run = quantize(MODEL, "--config", file.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("quantized text_encoder_2: the whole component");
    JsonNode settings =
        ModelConfig.read(temp.resolve("out/transformer/config.json"))
            .json()
            .path("quantization_config");
    assertThat(settings.path("quant_method").asString()).isEqualTo("torchao");
    assertThat(settings.path("quant_type").path("default").path("_type").asString())
        .isEqualTo("Float8WeightOnlyConfig");
    assertThat(settings.path("modules_to_not_convert").toString())
        .contains("\"x_embedder\"")
        .doesNotContain("to_q");
    try (Engine engine = Engine.load(temp.resolve("out"), Strategies.cpu());
        Result r = engine.generate(REQUEST)) {
      assertThat(r.pictures()).hasSize(1);
      assertThat(engine.formatReport()).anyMatch(l -> l.contains("int8_weight_only"));
    }
  }

  @Test
  void mistakesLeaveNothing() throws IOException {
    expect(2, "give --quantization TYPE or --config FILE", quantize(MODEL));
    expect(2, "unknown quantization type 'int9'", quantize(MODEL, "--quantization", "int9"));
    expect(2, "not divisible by 128", quantize(MODEL, "--quantization", "float8_blockwise"));
    Files.createDirectories(temp.resolve("out"));
    Files.writeString(temp.resolve("out/x"), "x");
    expect(2, "give a new or empty folder", quantize(MODEL, "--quantization", "int8"));
    Files.delete(temp.resolve("out/x"));
    assertThat(quantize(MODEL, "--quantization", "int8").exitCode()).isZero();
    Files.move(temp.resolve("out"), temp.resolve("first"));
    expect(2, "is quantized already", quantize(temp.resolve("first"), "--quantization", "int8"));
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files.map(f -> f.getFileName().toString())).containsExactly("first");
    }
  }

  private static void expect(int code, String message, CommandLineRun run) {
    assertThat(run.err()).contains(message);
    assertThat(run.exitCode()).isEqualTo(code);
  }
}
