package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.Attention;
import io.jdit.attention.FusedAttention;
import io.jdit.attention.Tokens;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.SequenceParallel;
import java.util.Arrays;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Key masks against LibTorch's additive ones, in one process and on several ranks. */
@ExtendWith(NoLeaks.class)
class MaskedAttentionTest {
  private static final int HEADS = 4;
  private static final int DIM = 16;
  private static final int BATCH = 2;
  private static final boolean[][] ONE_ROW = {{true, true, true, false, false, false, false}};
  private static final boolean[][] TWO_ROWS = {
    {true, true, true, true, true, false, false}, {true, false, true, false, false, false, false}
  };

  /** Image of 10 and text of 7 tokens, joined in either order; only text is padded. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, true, 1",
    "1, 1, true, 2",
    "1, 1, false, 2",
    "2, 1, true, 1",
    "2, 1, false, 2",
    "4, 1, false, 1",
    "1, 2, true, 2",
    "1, 4, false, 1",
    "1, 4, true, 2",
    "2, 2, true, 1",
    "2, 2, false, 2",
  })
  void masksFollowTheTokensThroughTheExchange(int ulysses, int ring, boolean imageFirst, int rows) {
    boolean[][] text = rows == 1 ? ONE_ROW : TWO_ROWS;
    boolean[][][] masks =
        imageFirst ? new boolean[][][] {null, text} : new boolean[][][] {text, null};
    int[] lengths = imageFirst ? new int[] {10, 7} : new int[] {7, 10};
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, 1));
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(3)) {
      Tensor q = generator.randn(DType.FLOAT32, BATCH, 17, HEADS, DIM);
      Tensor k = generator.randn(DType.FLOAT32, BATCH, 17, HEADS, DIM);
      Tensor v = generator.randn(DType.FLOAT32, BATCH, 17, HEADS, DIM);
      Tensor exact = exact(q, k, v, whole(masks, lengths));
      LocalWorld.run(
          ring * ulysses,
          world -> {
            try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
              SequenceParallel sequence = model.sequence();
              Tokens tokens =
                  sequence
                      .cut(1, q.narrow(1, 0, lengths[0]), q.narrow(1, lengths[0], lengths[1]))
                      .tokens()
                      .masked(masks);
              Tensor o =
                  model
                      .attention()
                      .forward(
                          sequence.cutJoined(1, q, lengths[0], lengths[1]),
                          sequence.cutJoined(1, k, lengths[0], lengths[1]),
                          sequence.cutJoined(1, v, lengths[0], lengths[1]),
                          tokens);
              long first = Tokens.count(lengths[0], world.size(), world.rank());
              Tensor a = sequence.join(o.narrow(1, 0, first), 1, lengths[0]);
              Tensor b = sequence.join(o.narrow(1, first, o.size(1) - first), 1, lengths[1]);
              assertThat(Tensor.cat(1, a, b)).isCloseTo(exact, 2e-6);
            }
          });
    }
  }

  /** Queries of the tokens here, keys of another length that every rank has: nothing is sent. */
  @ParameterizedTest
  @CsvSource({"1, 1", "2, 1", "1, 2", "2, 2"})
  void crossAttentionIsLocal(int ulysses, int ring) {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, 1));
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(4)) {
      Tensor q = generator.randn(DType.FLOAT32, BATCH, 13, HEADS, DIM);
      Tensor k = generator.randn(DType.FLOAT32, BATCH, 7, HEADS, DIM);
      Tensor v = generator.randn(DType.FLOAT32, BATCH, 7, HEADS, DIM);
      Tensor exact = exact(q, k, v, TWO_ROWS);
      LocalWorld.run(
          ring * ulysses,
          world -> {
            try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
              Tensor o =
                  model
                      .attention()
                      .local()
                      .forward(model.sequence().part(1, q), k, v, Tokens.of(1, 7).masked(TWO_ROWS));
              Assertions.assertThat(model.groups().bytesSent(Collective.ALL_TO_ALL)).isZero();
              Assertions.assertThat(model.groups().bytesSent(Collective.POINT_TO_POINT)).isZero();
              assertThat(model.sequence().join(o, 1, 13)).isCloseTo(exact, 2e-6);
            }
          });
    }
  }

  @Test
  void masksOfNothingButTrueAreNone() {
    boolean[][] all = {{true, true, true}};
    Assertions.assertThat(Tokens.of(1, 3, 5).masked(all, null).mask()).isNull();
    Assertions.assertThat(Tokens.of(1, 3).masked(new boolean[][] {{true, false, true}}).mask())
        .isNotNull();
  }

  @Test
  void masksThatDoNotFitAreRefused() {
    Assertions.assertThatThrownBy(() -> Tokens.of(1, 3, 5).masked(new boolean[1][4], null))
        .hasMessageContaining("a mask of 4 does not fit a stream of 3 tokens");
    Assertions.assertThatThrownBy(() -> Tokens.of(1, 3).masked(new boolean[2][3]))
        .hasMessageContaining("no key counts in row 0");
    Assertions.assertThatThrownBy(() -> Tokens.of(1, 3).masked(null, null))
        .hasMessageContaining("2 masks do not belong to streams of [3]");
    Assertions.assertThatThrownBy(() -> Tokens.here().counts())
        .hasMessageContaining("what cut() returned");
    Attention fused = new FusedAttention();
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.zeros(DType.FLOAT32, io.jdit.tensor.Device.CPU, 3, 7, 1, DIM);
      Assertions.assertThatThrownBy(() -> fused.forward(x, x, x, Tokens.of(1, 7).masked(TWO_ROWS)))
          .hasMessageContaining("2 rows does not fit");
    }
  }

  private static boolean[][] whole(boolean[][][] masks, int[] lengths) {
    boolean[][] joined = new boolean[BATCH][lengths[0] + lengths[1]];
    for (int b = 0; b < BATCH; b++) {
      int at = 0;
      for (int s = 0; s < 2; s++) {
        for (int i = 0; i < lengths[s]; i++) {
          joined[b][at++] = masks[s] == null || masks[s][Math.min(b, masks[s].length - 1)][i];
        }
      }
    }
    return joined;
  }

  private static Tensor exact(Tensor q, Tensor k, Tensor v, boolean[][] mask) {
    float[] bias = new float[mask.length * mask[0].length];
    Arrays.fill(bias, Float.NEGATIVE_INFINITY);
    for (int b = 0; b < mask.length; b++) {
      for (int i = 0; i < mask[b].length; i++) {
        if (mask[b][i]) {
          bias[b * mask[b].length + i] = 0;
        }
      }
    }
    Tensor additive = Tensor.of(bias, mask.length, 1, 1, mask[0].length);
    return Functional.scaledDotProductAttention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            additive,
            false,
            1 / Math.sqrt(DIM))
        .transpose(1, 2);
  }
}
