package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.tensor.FusedSdpa.Backend;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Argument;
import org.bytedeco.pytorch.FunctionSchema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The CUDA operators cannot run here, but their declarations are in every LibTorch: arguments are
 * passed by position, so these must be the ones that the calls were written for.
 */
class FusedSdpaTest {
  @Test
  void declarationsAreThoseThatTheCallsWereWrittenFor() {
    assertThat(arguments(FusedSdpa.Ops.CPU_FLASH))
        .containsExactly(
            "Tensor query",
            "Tensor key",
            "Tensor value",
            "float dropout_p",
            "bool is_causal",
            "Tensor? attn_mask",
            "float? scale");
    assertThat(arguments(FusedSdpa.Ops.FLASH))
        .containsExactly(
            "Tensor query",
            "Tensor key",
            "Tensor value",
            "float dropout_p",
            "bool is_causal",
            "bool return_debug_mask",
            "float? scale");
    assertThat(arguments(FusedSdpa.Ops.EFFICIENT))
        .containsExactly(
            "Tensor query",
            "Tensor key",
            "Tensor value",
            "Tensor? attn_bias",
            "bool compute_log_sumexp",
            "float dropout_p",
            "bool is_causal",
            "float? scale");
    assertThat(arguments(FusedSdpa.Ops.CUDNN))
        .containsExactly(
            "Tensor query",
            "Tensor key",
            "Tensor value",
            "Tensor? attn_bias",
            "bool compute_log_sumexp",
            "float dropout_p",
            "bool is_causal",
            "bool return_debug_mask",
            "float? scale");
    for (AtenOp op :
        List.of(
            FusedSdpa.Ops.CPU_FLASH,
            FusedSdpa.Ops.FLASH,
            FusedSdpa.Ops.EFFICIENT,
            FusedSdpa.Ops.CUDNN)) {
      assertThat(texts(op.schema().returns()).subList(0, 2))
          .isIn(
              List.of("Tensor output", "Tensor logsumexp"),
              List.of("Tensor output", "Tensor log_sumexp"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "BFLOAT16, 128, false, FLASH",
    "FLOAT16, 256, false, FLASH",
    "BFLOAT16, 264, false, EFFICIENT",
    "BFLOAT16, 128, true, EFFICIENT",
    "FLOAT32, 128, false, EFFICIENT"
  })
  void flashAttentionWhereItCan(DType dtype, long dim, boolean causalNotSquare, Backend expected) {
    assertThat(FusedSdpa.cudaBackend(dtype, dim, causalNotSquare)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "BFLOAT16, 128, 4608, 4608, true",
    "FLOAT16, 64, 512, 512, true",
    "FLOAT32, 128, 4608, 4608, false",
    "BFLOAT16, 136, 4608, 4608, false",
    "BFLOAT16, 100, 4608, 4608, false",
    "BFLOAT16, 128, 4608, 77, false",
    "BFLOAT16, 128, 77, 4608, false"
  })
  void cudnnWhereItIsFaster(DType dtype, long dim, long queries, long keys, boolean expected) {
    assertThat(FusedSdpa.fitsCudnn(dtype, dim, queries, keys)).isEqualTo(expected);
  }

  static List<String> arguments(AtenOp op) {
    FunctionSchema schema = op.schema();
    return texts(schema.arguments());
  }

  private static List<String> texts(Argument list) {
    List<String> texts = new ArrayList<>();
    for (long i = 0; i < list.limit(); i++) {
      Argument a = list.getPointer(i);
      texts.add(a.type().get().str().getString() + " " + a.name().getString());
    }
    return texts;
  }
}
