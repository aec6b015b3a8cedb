package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchRuntimeException;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.metrics.Memory;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.QuantType;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MemoryCheckTest {
  // Parameters by models/shapes/README.md: 4.5 + 0.12 + 0.5 + 0.8 million, stored in float16.
  private static final double PARAMETERS = 5.9e6;

  @Test
  void aModelThatDoesNotFitIsRefusedWithTheWayOut() {
    ModelFolder model = ModelFolder.open(Path.of("models/shapes"));
    MemoryCheck check = new MemoryCheck(model, Strategies.cpu(), component -> 1, 1);
    assertThat(check.weightBytes(DType.FLOAT32) / 4.0)
        .isBetween(0.98 * PARAMETERS, 1.02 * PARAMETERS);
    assertThatCode(() -> check.require(DType.FLOAT32, 1L << 30)).doesNotThrowAnyException();
    assertThatThrownBy(() -> check.require(DType.FLOAT32, 1L << 20))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("models/shapes")
        .hasMessageContaining("--dtype bfloat16");
  }

  /** The transformer has 4.5 of the 5.9 million parameters. */
  @Test
  void partsTakeTurnsWhereTheyDoNotFitTogether() {
    ModelFolder model = ModelFolder.open(Path.of("models/shapes"));
    MemoryCheck check = new MemoryCheck(model, Strategies.cpu(), component -> 1, 1);
    assertThat(check.placement(DType.FLOAT32, 6_100_000 * 4).keeps("text_encoder")).isTrue();
    Placement turns = check.placement(DType.FLOAT32, 4_700_000 * 4);
    assertThat(turns.keeps("text_encoder")).isFalse();
    assertThat(turns.atOnce("transformer")).isFalse();
    assertThatThrownBy(() -> check.placement(DType.FLOAT32, 4_300_000 * 4))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("its weights, one after the other, need 0.0 GB in float32");
  }

  /** By the parts' sizes in models/shapes/README.md, in millions of parameters. */
  @Test
  void ranksHoldTheirShareOfWhatIsSplit() {
    ModelFolder model = ModelFolder.open(Path.of("models/shapes"));
    MemoryCheck check =
        new MemoryCheck(
            model,
            Strategies.cpu(),
            component ->
                component.startsWith("text") ? 4 : component.startsWith("transformer") ? 2 : 1,
            4);
    double each = 4.5 / 2 + (0.12 + 0.5) / 4 + 0.8;
    assertThat(check.weightBytes(DType.FLOAT32) / 4e6).isCloseTo(4 * each, withinPercentage(3));
    assertThatThrownBy(() -> check.require(DType.FLOAT32, 1L << 20))
        .isInstanceOf(OutOfMemoryException.class)
        .hasMessageContaining("on 4 processes")
        .hasMessageContaining("--tp-size");
  }

  /** 4 of the 4.5 million parameters of the transformer lie in its blocks' linear layers. */
  @Test
  void quantizedLayersNeedLess() {
    ModelFolder model = ModelFolder.open(Path.of("models/shapes"));
    long whole =
        new MemoryCheck(model, Strategies.cpu(), component -> 1, 1).weightBytes(DType.BFLOAT16);
    Strategies int8 =
        Strategies.cpu()
            .withFormats(Quantization.of(QuantizeConfig.of(QuantType.INT8_WEIGHT_ONLY)));
    assertThat(whole - new MemoryCheck(model, int8, c -> 1, 1).weightBytes(DType.BFLOAT16))
        .isBetween(3_800_000L, 4_400_000L);
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
