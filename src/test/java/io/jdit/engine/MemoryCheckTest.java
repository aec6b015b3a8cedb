package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchRuntimeException;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.metrics.Memory;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.offload.PerformanceMode;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.QuantType;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemoryCheckTest {
  // Parameters by models/shapes/README.md: 4.5 + 0.12 + 0.5 + 0.8 million, stored in float16.
  private static final double PARAMETERS = 5.9e6;

  private static MemoryCheck check(Strategies strategies) {
    return MemoryCheck.of(ModelFolder.open(Path.of("models/shapes")), strategies);
  }

  private static Offload placement(Values offload, long available) {
    Strategies strategies = Strategies.cpu().withPlacement(Offload.of(OffloadSettings.of(offload)));
    return check(strategies).placement(Values.none(), available);
  }

  @Test
  void weightsAreCountedAsTheyAreHeld() {
    assertThat(check(Strategies.cpu()).weights() / 4.0)
        .isBetween(0.98 * PARAMETERS, 1.02 * PARAMETERS);
    Strategies half = Strategies.cpu().withDtype(DType.BFLOAT16);
    assertThat(check(half).weights() / 2.0).isBetween(0.98 * PARAMETERS, 1.02 * PARAMETERS);
    // 4 of the 4.5 million parameters of the transformer lie in its blocks' linear layers.
    Strategies int8 =
        half.withFormats(Quantization.of(QuantizeConfig.of(QuantType.INT8_WEIGHT_ONLY)));
    assertThat(check(half).weights() - check(int8).weights()).isBetween(3_800_000L, 4_400_000L);
  }

  /** The transformer has 4.5 of the 5.9 million parameters. */
  @Test
  void whatDoesNotFitTogetherTakesTurns() {
    assertThat(placement(Values.none(), 8_000_000 * 4).keeps("text_encoder")).isTrue();
    Offload turns = placement(Values.none(), 5_800_000 * 4);
    assertThat(turns.keeps("text_encoder")).isFalse();
    assertThat(turns.atOnce("transformer")).isFalse();
    assertThat(turns.layerwise()).isEmpty();
    assertThat(placement(Values.none(), 4_300_000 * 4).layerwise()).contains("transformer");
  }

  @Test
  void aModelThatDoesNotFitIsRefusedWithTheWayOut() {
    assertThatThrownBy(() -> placement(Values.none(), 1 << 20))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("models/shapes in float32: offload: transformer")
        .hasMessageContaining("; --dtype bfloat16 takes 0.0");
    assertThatThrownBy(
            () -> placement(Values.of(OffloadKeys.MODE, PerformanceMode.SPEED), 5_000_000 * 4))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("offload: nothing; at most 0.02 GB, 0.02 GB are free; ")
        .hasMessageContaining("--performance-mode memory takes 0.0");
  }

  /** What {@code jdit parallel plan} says of its configurations alone. */
  @ParameterizedTest
  @EnumSource(names = {"INT8_WEIGHT_ONLY", "INT4_WEIGHT_ONLY"})
  void aCheckpointOfCodesIsPlannedAsItsFilesAre(QuantType type, @TempDir Path folder)
      throws IOException {
    Path copy = folder.resolve("copy");
    new QuantizedCopy(Path.of("models/shapes"), QuantizeConfig.of(type), "", line -> {})
        .write(copy);
    ModelFolder model = ModelFolder.open(copy);
    Strategies half = Strategies.cpu().withDtype(DType.BFLOAT16);
    Strategies files = half.withFormats(QuantizationSurvey.formats(model, half));
    MemoryCheck read = MemoryCheck.of(model, files);
    MemoryCheck planned =
        MemoryCheck.of(model, files.withOrigin(component -> new MetaWeights(DType.BFLOAT16)));
    assertThat(planned.weights()).isEqualTo(read.weights());
    // Scales are float32 in the files.
    assertThat(streamed(planned)).isCloseTo(streamed(read), withinPercentage(2));
  }

  private static long streamed(MemoryCheck check) {
    OffloadSettings layers = OffloadSettings.of(Values.of(OffloadKeys.DIT_LAYERWISE, true));
    return Offload.smallest(layers, check.components(), Map.of()).peak();
  }

  @Test
  void layersThatAreQuantizedHereComeAndGoWhereTheyHaveTo() {
    Strategies strategies =
        Strategies.cpu()
            .withDtype(DType.BFLOAT16)
            .withFormats(Quantization.of(QuantizeConfig.of(QuantType.INT8_WEIGHT_ONLY)))
            .withPlacement(Offload.of(OffloadSettings.none()));
    MemoryCheck check = check(strategies);
    Offload roomy = check.placement(Values.none(), 1L << 30);
    assertThat(MemoryCheck.lines(strategies.withPlacement(roomy))).hasSize(1);
    // The transformer in int8 takes 5.2 MB.
    Offload tight = check.placement(Values.none(), 4_000_000);
    assertThat(tight.layerwise()).contains("transformer");
    assertThat(MemoryCheck.lines(strategies.withPlacement(tight)))
        .hasSize(2)
        .last()
        .isEqualTo(
            "layers of transformer are quantized whenever they are read: jdit quantize writes them"
                + " once");
  }

  /** By the parts' sizes in models/shapes/README.md, in millions of parameters. */
  @Test
  void ranksHoldTheirShareOfWhatIsSplit() {
    MemoryCheck check = check(Strategies.cpu());
    ToIntFunction<String> holders =
        c -> c.startsWith("text") ? 4 : c.startsWith("transformer") ? 2 : 1;
    double each = 4.5 / 2 + (0.12 + 0.5) / 4 + 0.8;
    long all = Math.round(4 * each * 4e6);
    assertThatCode(() -> check.require(holders, 4, all * 103 / 100)).doesNotThrowAnyException();
    // What does not fit as a whole is offloaded by each of them, unless nothing may go.
    assertThatCode(() -> check.require(holders, 4, all * 97 / 100)).doesNotThrowAnyException();
    Strategies fast =
        Strategies.cpu()
            .withPlacement(
                Offload.of(OffloadSettings.of(Values.of(OffloadKeys.MODE, PerformanceMode.SPEED))));
    assertThatThrownBy(() -> check(fast).require(holders, 4, all * 97 / 100))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("on 4 processes")
        .hasMessageContaining("--performance-mode memory takes 0.0")
        .hasMessageContaining("--tp-size");
    assertThatThrownBy(() -> check.require(holders, 4, all / 20))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("on 4 processes");
  }

  /** Of what is free each process of a machine counts on its part only. */
  @Test
  void ranksHaveTheMachinesMemoryBetweenThem() {
    Placement alone = Offload.of(OffloadSettings.none());
    Strategies strategies = Strategies.cpu().withPlacement(Offload.among(4, alone));
    assertThat(check(strategies).placement(Values.none(), 4 * 8_000_000 * 4L).what())
        .isEqualTo("nothing");
    assertThat(check(strategies).placement(Values.none(), 8_000_000 * 4L).layerwise())
        .contains("transformer");
  }

  @Test
  void whatLibTorchCannotAllocateIsSaidInOneLine() {
    RuntimeException failure =
        catchRuntimeException(() -> Tensor.empty(DType.FLOAT32, Device.CPU, 1L << 44));
    assertThat(OutOfMemoryException.translate(failure, "a picture", "use less"))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessage(
            "not enough memory for a picture: LibTorch could not allocate 70368744177664 bytes; use less");
    RuntimeException cuda =
        new RuntimeException(
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of");
    assertThat(OutOfMemoryException.translate(cuda, "a picture", "use less"))
        .hasMessageContaining("could not allocate 20.00 GiB; use less");
    RuntimeException other = new RuntimeException("shapes do not fit");
    assertThat(OutOfMemoryException.translate(other, "a picture", "use less")).isSameAs(other);
  }

  @Test
  void theMachinesFiguresAreRead() {
    assertThat(Memory.available()).isPositive();
    assertThat(Memory.resident())
        .isGreaterThan(10 << 20)
        .isLessThanOrEqualTo(Memory.peakResident());
  }
}
