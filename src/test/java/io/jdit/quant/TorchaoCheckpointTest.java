package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.SafeTensorsWriter.Entry;
import io.jdit.checkpoint.Weights;
import io.jdit.family.flux1.FluxConfig;
import io.jdit.family.flux1.FluxInputs;
import io.jdit.family.flux1.FluxTransformer;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import io.jdit.textencoder.T5Encoder;
import io.jdit.transformer.BlockRunner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that torchao wrote, and what it computes with them. */
@ExtendWith(NoLeaks.class)
class TorchaoCheckpointTest {
  private static final Path FOLDER = Fixture.ROOT.resolve("torchao");
  private static final String ATTENTION = "transformer_blocks.0.attn.";

  private TensorScope scope;
  private SafeTensorsFile expected;

  @TempDir private Path temp;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    expected = SafeTensorsFile.open(FOLDER.resolve("expected.safetensors"));
  }

  @AfterEach
  void close() {
    expected.close();
    scope.close();
  }

  /** Layers of the transformer whose dequantized weights and outputs are stored. */
  static Stream<String> layers() {
    return SafeTensorsFile.open(FOLDER.resolve("expected.safetensors")).names().stream()
        .filter(n -> n.endsWith(".weight") && !n.startsWith("blocks"))
        .map(n -> n.substring(0, n.length() - ".weight".length()));
  }

  private Weights weights(Checkpoint checkpoint) {
    return new Weights(checkpoint, DType.BFLOAT16, Device.CPU, scope);
  }

  private QuantizedWeight read(Checkpoint checkpoint, String layer) {
    long[] shape = expected.info(layer + ".weight").shape();
    return TorchaoHeader.layers(checkpoint)
        .get(layer)
        .read(weights(checkpoint).at(layer), (int) shape[1], (int) shape[0]);
  }

  @ParameterizedTest
  @MethodSource("layers")
  void weightsAreTorchaosBitForBit(String layer) {
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("transformer"))) {
      assertThat(read(checkpoint, layer).values(DType.BFLOAT16).toBytes())
          .isEqualTo(expected.read(layer + ".weight").toBytes());
    }
  }

  /** One unit in the last place: the order of the float32 sums differs. */
  @ParameterizedTest
  @MethodSource("layers")
  void outputsAreTorchaos(String layer) {
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("transformer"))) {
      Tensor bias =
          weights(checkpoint).at(layer).get("bias", expected.info(layer + ".weight").shape()[0]);
      Tensor found =
          QuantizedLinear.eager(read(checkpoint, layer), bias)
              .forward(expected.read(layer + ".input"));
      TensorAssert.assertThat(found).isCloseTo(expected.read(layer + ".output"), 0x1p-7);
    }
  }

  @Test
  void scalesOfBlocks() {
    Path folder = FOLDER.resolve("blocks");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      StoredLayer layer = TorchaoHeader.layers(checkpoint).get("proj");
      assertThat(layer.type()).isEqualTo(QuantType.FLOAT8_PER_BLOCK);
      assertThat(
              layer.read(weights(checkpoint).at("proj"), 256, 128).values(DType.BFLOAT16).toBytes())
          .isEqualTo(expected.read("blocks.weight").toBytes());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "to_q, INT8_PER_ROW",
    "to_k, INT8_PER_TENSOR",
    "to_v, INT8_WEIGHT_ONLY",
    "to_out.0, INT8_PER_ROW",
    "add_q_proj, FLOAT8_PER_ROW",
    "add_k_proj, FLOAT8_PER_TENSOR",
    "add_v_proj, FLOAT8_WEIGHT_ONLY",
    "to_add_out, FLOAT8_WEIGHT_ONLY"
  })
  void typesFollowFromTheDescription(String layer, QuantType type) {
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("transformer"))) {
      assertThat(TorchaoHeader.layers(checkpoint).get(ATTENTION + layer).type()).isEqualTo(type);
    }
  }

  /**
   * transformers describes CLIP's layers without the text_model that their names in a file begin
   * with.
   */
  @Test
  void describedNamesMayBeginInAnotherWay() throws IOException {
    String full = ATTENTION + "add_v_proj.weight";
    String name = "module.add_v_proj.weight";
    write(
        Map.of(
            "tensor_names",
            names -> names.replace("\"" + full + "\"", "\"" + name + "\""),
            name,
            none -> description(full)),
        t -> null);
    try (Checkpoint renamed = Checkpoint.open(temp)) {
      assertThat(TorchaoHeader.layers(renamed)).containsKey(ATTENTION + "add_v_proj");
    }
    String other = "single_transformer_blocks.0.proj_out.weight";
    refused(
        "proj_out.weight", none -> description(other), "stands for " + other + ", as another does");
  }

  private static String description(String tensor) {
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("transformer"))) {
      return checkpoint.files().get(0).metadata().get(tensor);
    }
  }

  /** A whole component, strictly: every tensor is read. */
  private <T> T build(String component, Function<Weights, Function<LinearFactory, T>> constructor) {
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve(component))) {
      Weights w = weights(checkpoint);
      ComponentReport report = new ComponentReport(component, null, false);
      T made =
          constructor.apply(w).apply(LinearFactory.of(StoredLayers.of(checkpoint).format(report)));
      w.requireAllUsed();
      return made;
    }
  }

  private static ModelConfig config(String component) {
    return ModelConfig.read(FOLDER.resolve(component).resolve("config.json"));
  }

  @Test
  void theTransformerComputesWhatDiffusersDoes() {
    FluxTransformer model =
        build(
            "transformer",
            w ->
                linears ->
                    new FluxTransformer(
                        FluxConfig.read(config("transformer")), w, linears, new FusedAttention()));
    Tensor out =
        model.forward(
            new FluxInputs(
                expected.read("hidden_states"),
                expected.read("encoder_hidden_states"),
                expected.read("pooled_projections"),
                Tensor.of(new float[] {0.5f}, 1),
                Tensor.of(new float[] {3.5f}, 1),
                model.rotary(8, 4, 6)),
            BlockRunner.direct());
    TensorAssert.assertThat(out).hasPsnrAbove(35, expected.read("transformer_out"));
  }

  @Test
  void theTextEncoderComputesWhatTransformersDoes() {
    T5Encoder model =
        build(
            "text_encoder_2",
            w ->
                linears ->
                    new T5Encoder(T5Encoder.Config.read(config("text_encoder_2")), w, linears));
    Tensor out = model.forward(new long[][] {{3, 10, 25, 7, 1, 0, 0, 0}});
    TensorAssert.assertThat(out).hasPsnrAbove(35, expected.read("t5_out"));
  }

  /** What torchao can write and is not computed with: found, and what can be read. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          to_q|Int8Tensor|NVFP4Tensor|torchao's NVFP4Tensor, which is not supported; what can be read: Float8Tensor
          to_q|Int8Tensor|Int4TilePackedTo4dTensor|torchao's Int4TilePackedTo4dTensor
          to_q|"SYMMETRIC"|"ASYMMETRIC"|Int8Tensor (mapping_type "ASYMMETRIC")
          to_q|"zero_point"|"act_quant_scale"|Int8Tensor (with act_quant_scale), which is not supported; what can be read: activations that are scaled anew
          to_q|"zero_point"|"act_pre_scale"|(with act_pre_scale)
          to_v|[1, 64]|[1, 16]|(block_size [1,16]), which is not supported; what can be read: for int8_weight_only multiples of [1,64]
          to_v|[1, 64]|[1, 128]|(block_size [1,128])
          add_q_proj|"float8_e4m3fn"|"float8_e5m2"|(float8_dtype "float8_e5m2")
          add_q_proj|"hp_value_ub": null|"hp_value_ub": 1.5|(hp_value_ub 1.5)
          add_q_proj|"_type": "PerRow"|"_type": "PerAxis"|(activations quantized PerAxis)
          ../ff.net.0.proj|[1, 32]|[1, 16]|for int4_weight_only multiples of [1,32]
          ../ff.net.0.proj|"bfloat16"|"float8_e4m3fn"|(activation_dtype "float8_e4m3fn")
          """)
  void whatIsNotComputedIsRefusedByName(String layer, String from, String to, String message)
      throws IOException {
    String name = (ATTENTION + layer).replace("attn.../", "") + ".weight";
    refused(name, text -> text.replace(from, to), "tensor " + name, message);
  }

  @Test
  void brokenHeadersAreNamed() throws IOException {
    String name = ATTENTION + "to_q.weight";
    refused(name, text -> "{", "metadata " + name + " is no JSON object");
    refused("tensor_names", text -> "[", "metadata tensor_names is no list of names");
    refused("tensor_names", text -> "[\"none.weight\"]", "metadata none.weight is no JSON object");
    refused(name, text -> text.replace("\"qdata\"", "\"codes\""), "with codes");
    String lost = "{\"_type\": \"Int8Tensor\", \"_data\": {}, \"_tensor_data_names\": [\"qdata\"]}";
    refused("context_embedder.weight", text -> lost, "lacks tensor context_embedder._weight_qdata");
  }

  @Test
  void zeroPointsHaveToBeZero() throws IOException {
    String layer = ATTENTION + "to_v";
    String zeros = layer + "._weight_zero_point";
    Tensor others = expected.read(layer + ".weight").narrow(1, 0, 1);
    write(Map.of(), t -> t.equals(zeros) ? others : null);
    try (Checkpoint changed = Checkpoint.open(temp)) {
      assertThatThrownBy(() -> StoredLayers.of(changed))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining("(zero points in BF16)");
    }
    Tensor ones = others.mul(0).add(1).to(DType.INT8);
    write(Map.of(), t -> t.equals(zeros) ? ones : null);
    try (Checkpoint changed = Checkpoint.open(temp)) {
      assertThatThrownBy(() -> read(changed, layer))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining(zeros + " holds zero points other than 0");
    }
  }

  private void refused(String key, UnaryOperator<String> change, String... messages)
      throws IOException {
    Path file = write(Map.of(key, change), t -> null);
    try (Checkpoint changed = Checkpoint.open(temp)) {
      assertThatThrownBy(() -> StoredLayers.of(changed))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining(file.toString())
          .hasMessageContainingAll(messages);
    }
  }

  /**
   * The transformer in one file.
   *
   * @param changes of the metadata, by key
   * @param others gives another tensor of the same elements for a name, or null
   */
  private Path write(Map<String, UnaryOperator<String>> changes, Function<String, Tensor> others)
      throws IOException {
    Path file = temp.resolve("diffusion_pytorch_model.safetensors");
    try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("transformer"))) {
      Map<String, String> metadata = new LinkedHashMap<>(checkpoint.files().get(0).metadata());
      changes.forEach(
          (key, change) -> {
            String before = metadata.put(key, change.apply(metadata.get(key)));
            assertThat(metadata.get(key)).isNotEqualTo(before);
          });
      List<Entry> entries = new ArrayList<>();
      for (String name : checkpoint.names()) {
        Tensor other = others.apply(name);
        Tensor tensor = other == null ? checkpoint.read(name) : other.contiguous();
        entries.add(new Entry(name, tensor.dtype(), tensor.shape(), tensor::alias));
      }
      SafeTensorsWriter.write(file, entries, metadata);
    }
    return file;
  }
}
