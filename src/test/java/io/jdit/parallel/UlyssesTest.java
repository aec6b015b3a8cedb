package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.AttentionCall;
import io.jdit.attention.FusedAttention;
import io.jdit.attention.SdpaAttention;
import io.jdit.attention.Tokens;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.SequenceParallel;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(NoLeaks.class)
class UlyssesTest {
  private static final int DIM = 16;

  /** Attention over all tokens, computed at once. */
  @ParameterizedTest
  @CsvSource({
    "2, 1, 16, 4, false",
    "4, 1, 16, 4, false",
    "4, 1, 15, 7, false",
    "2, 2, 18, 4, false",
    "2, 2, 17, 7, false",
    "2, 1, 13, 4, true",
    "2, 2, 17, 7, true"
  })
  void equalsAttentionOverAllTokens(int ulysses, int ring, long tokens, int heads, boolean async) {
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(11)) {
      Tensor q = generator.randn(DType.FLOAT32, 2, tokens, heads, DIM);
      Tensor k = generator.randn(DType.FLOAT32, 2, tokens, heads, DIM);
      Tensor v = generator.randn(DType.FLOAT32, 2, tokens, heads, DIM);
      Tensor exact = new SdpaAttention().forward(q, k, v);
      ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, 1)).withAsync(async);
      LocalWorld.run(
          ring * ulysses,
          world -> {
            try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
              SequenceParallel sequence = model.sequence();
              AttentionCall call = model.attention().begin(sequence.cut(1, q).tokens());
              call.value(sequence.part(1, v));
              call.query(sequence.part(1, q));
              call.key(sequence.part(1, k));
              Tensor o = call.start().await();
              assertThat(model.sequence().join(o, 1, tokens)).isCloseTo(exact, 2e-6);
            }
          });
    }
  }

  /** Z-Image cuts the sequences of its refiners before it attends to any of them. */
  @ParameterizedTest
  @CsvSource({"2, 1", "1, 2"})
  void sequencesThatWereCutInBetweenDoNotMix(int ulysses, int ring) {
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(12)) {
      Tensor caption = generator.randn(DType.FLOAT32, 1, 7, 4, DIM);
      Tensor image = generator.randn(DType.FLOAT32, 1, 12, 4, DIM);
      Tensor first = new SdpaAttention().forward(caption, caption, caption);
      Tensor second = new SdpaAttention().forward(image, image, image);
      ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, 1));
      LocalWorld.run(
          2,
          world -> {
            try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
              SequenceParallel sequence = model.sequence();
              SequenceParallel.Cut a = sequence.cut(1, caption);
              SequenceParallel.Cut b = sequence.cut(1, image);
              Tensor x = a.parts().get(0);
              Tensor y = b.parts().get(0);
              assertThat(sequence.join(model.attention().forward(x, x, x, a.tokens()), 1, 7))
                  .isCloseTo(first, 2e-6);
              assertThat(sequence.join(model.attention().forward(y, y, y, b.tokens()), 1, 12))
                  .isCloseTo(second, 2e-6);
            }
          });
    }
  }

  @Test
  void bytesSentAreThoseOfTheFormula() {
    int ranks = 4;
    long tokens = 16;
    int heads = 4;
    for (boolean float8 : new boolean[] {false, true}) {
      LocalWorld.run(
          ranks,
          g -> {
            Tensor x =
                Tensor.full(
                    0.5, DType.BFLOAT16, io.jdit.tensor.Device.CPU, 1, tokens / ranks, heads, DIM);
            new Ulysses(g, 0, new FusedAttention(), float8, false)
                .forward(x, x, x, Tokens.of(ranks, tokens));
            long rows = tokens / ranks * heads; // of D numbers, on this rank
            long bytesPerRow = float8 ? 2 * (DIM + 4) + 2 * DIM + (DIM + 2) : 4 * 2 * DIM;
            Assertions.assertThat(g.traffic().bytes(Collective.ALL_TO_ALL))
                .isEqualTo(bytesPerRow * rows * (ranks - 1) / ranks);
          });
    }
  }

  @Test
  void asynchronousCallsSendBeforeTheyWait() {
    LocalWorld.run(
        2,
        g -> {
          List<String> events = new ArrayList<>();
          RecordingGroup recording = new RecordingGroup(g, events);
          Tensor x = Tensor.full(1, DType.FLOAT32, io.jdit.tensor.Device.CPU, 1, 3, 2, DIM);
          Ulysses ulysses =
              new Ulysses(
                  recording,
                  0,
                  (q, k, v, tokens) -> {
                    events.add("attention");
                    return q.copy();
                  },
                  false,
                  true);
          AttentionCall call = ulysses.begin(Tokens.of(2, 6));
          call.value(x);
          events.add("query is computed");
          call.query(x);
          events.add("key is computed");
          call.key(x);
          AttentionCall.Result result = call.start();
          events.add("feed-forward is computed");
          result.await();
          Assertions.assertThat(events)
              .containsExactly(
                  "start all-to-all 0",
                  "query is computed",
                  "start all-to-all 1",
                  "key is computed",
                  "start all-to-all 2",
                  "await all-to-all 0",
                  "await all-to-all 1",
                  "await all-to-all 2",
                  "attention",
                  "start all-to-all 3",
                  "feed-forward is computed",
                  "await all-to-all 3");
          recording.closeSent();
        });
  }

  /**
   * Half an e4m3 step is at most 1/16 of a value; attention averages values, so the output of
   * float8 stays within that of the largest value, plus the payload of the output itself.
   */
  @Test
  void float8StaysWithinItsBound() {
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(5)) {
      Tensor q = generator.randn(DType.BFLOAT16, 1, 12, 4, DIM);
      Tensor k = generator.randn(DType.BFLOAT16, 1, 12, 4, DIM);
      Tensor v = generator.randn(DType.BFLOAT16, 1, 12, 4, DIM);
      Tensor exact = new SdpaAttention().forward(q, k, v);
      ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, 1, 2, 1)).withFloat8(true);
      LocalWorld.run(
          2,
          world -> {
            try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
              SequenceParallel sequence = model.sequence();
              Tensor o =
                  model
                      .attention()
                      .forward(
                          sequence.part(1, q),
                          sequence.part(1, k),
                          sequence.part(1, v),
                          Tokens.of(2, 12));
              assertThat(model.sequence().join(o, 1, 12)).isCloseTo(exact, 0.125);
              Assertions.assertThat(model.sequence().join(o, 1, 12).equalTo(exact)).isFalse();
            }
          });
    }
  }

  @Test
  void aStreamShorterThanTheRanksIsRefused() {
    Assertions.assertThatThrownBy(() -> Tokens.of(4, 3, 16))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 tokens cannot be cut into 4 parts");
  }
}
