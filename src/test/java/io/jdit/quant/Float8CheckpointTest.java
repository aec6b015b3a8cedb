package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TensorAssert;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Float8 weights as repositories have them that no library wrote. */
@ExtendWith(NoLeaks.class)
class Float8CheckpointTest {
  private static final Values REQUEST = Requests.small("a red fox", 64, 64, 2, 24);
  private static final String TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors";

  /** Its values are powers of two apart from the codes, so that nothing but codes is rounded. */
  private static final float SCALE = 0x1p-6f;

  @TempDir private Path temp;

  /**
   * A model with other weights in its transformer's blocks.
   *
   * @param change makes what is stored for a weight, given its name
   */
  private TinyPipeline model(String name, BiConsumer<String, Map<String, Tensor>> change)
      throws IOException {
    TinyPipeline model = TinyPipeline.copy("flux1-schnell-tiny", temp.resolve(name));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile source = SafeTensorsFile.open(model.resolve(TRANSFORMER))) {
      source.names().forEach(n -> tensors.put(n, source.read(n)));
      for (String tensor : source.names()) {
        if (tensor.contains("blocks") && tensors.get(tensor).dim() == 2) {
          change.accept(tensor, tensors);
        }
      }
      SafeTensorsWriter.write(model.resolve(TRANSFORMER), tensors);
    }
    return model;
  }

  private Engine load(TinyPipeline model) {
    return Engine.load(model.folder(), Strategies.cpu());
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT8_E4M3", "FLOAT8_E5M2"})
  void weightsWithoutScalesAreWidened(DType type) throws IOException {
    TinyPipeline narrow = model("narrow", (n, t) -> t.compute(n, (k, w) -> w.to(type)));
    TinyPipeline wide =
        model("wide", (n, t) -> t.compute(n, (k, w) -> w.to(type).to(DType.FLOAT32)));
    try (Engine found = load(narrow);
        Engine expected = load(wide);
        Result f = found.generate(REQUEST);
        Result e = expected.generate(REQUEST)) {
      assertThat(f.latents().equalTo(e.latents())).isTrue();
      assertThat(found.formatReport())
          .singleElement()
          .asString()
          .matches(
              "transformer: \\d+ tensors are stored in "
                  + type.text()
                  + " without scales and are widened to the model's dtype");
      assertThat(expected.formatReport()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "weight_scale, input_scale, false",
    "scale_weight, scale_input, false",
    "weight_scale, input_scale, true"
  })
  void scalesBesideTheWeightsCount(String scale, String activation, boolean rows)
      throws IOException {
    BiFunction<Tensor, Float, Tensor> filled =
        (w, s) -> rows ? w.abs().amax(-1, true).mul(0).add(s) : w.abs().max().mul(0).add(s);
    TinyPipeline scaled =
        model(
            "scaled",
            (n, t) -> {
              String layer = n.substring(0, n.lastIndexOf('.') + 1);
              Tensor w = t.get(n);
              t.put(n, w.mul(1 / SCALE).to(DType.FLOAT8_E4M3));
              t.put(layer + scale, filled.apply(w, SCALE));
              t.put(layer + activation, filled.apply(w, 3f).view(-1).narrow(0, 0, 1).contiguous());
              t.put("scaled_fp8", Tensor.of(new float[] {0}, 1).to(DType.FLOAT8_E4M3));
            });
    TinyPipeline wide =
        model(
            "wide",
            (n, t) ->
                t.compute(
                    n,
                    (k, w) -> w.mul(1 / SCALE).to(DType.FLOAT8_E4M3).to(DType.FLOAT32).mul(SCALE)));
    try (Engine found = load(scaled);
        Engine expected = load(wide);
        Result f = found.generate(REQUEST);
        Result e = expected.generate(REQUEST)) {
      TensorAssert.assertThat(f.latents()).isCloseTo(e.latents(), 1e-4);
      List<String> lines = found.formatReport();
      assertThat(lines).anyMatch(l -> l.contains("float8_weight_only"));
    }
  }

  @Test
  void scalesOfAnotherFormAreRefusedByName() throws IOException {
    TinyPipeline model =
        model(
            "blocks",
            (n, t) -> {
              t.compute(n, (k, w) -> w.to(DType.FLOAT8_E4M3));
              t.put(
                  n.substring(0, n.lastIndexOf('.')) + ".weight_scale",
                  Tensor.of(new float[] {1, 1, 1}, 3));
            });
    assertThatThrownBy(() -> load(model).close())
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("a format of scaled float8 or int8 numbers");
  }
}
