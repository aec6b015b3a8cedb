package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.BuiltInKernel;
import io.jdit.attention.SdpaAttention;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.kernels.AttentionKernels;
import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class RingAttentionTest {
  private static final JsonNode CASES =
      ModelConfig.read(Fixture.ROOT.resolve("parallel/ring.json")).json();

  private static SafeTensorsFile tensors() {
    return SafeTensorsFile.open(Fixture.ROOT.resolve("parallel/ring.safetensors"));
  }

  @Test
  void mergesOfPartialResults() {
    try (SafeTensorsFile f = tensors()) {
      for (Map.Entry<String, JsonNode> e : CASES.properties()) {
        int world = e.getValue().path("world").asInt();
        for (int rank = 0; rank < world; rank++) {
          try (TensorScope scope = TensorScope.open();
              MergedAttention merged = new MergedAttention()) {
            for (int step = 0; step < world; step++) {
              String key = e.getKey() + ".rank" + rank + ".step" + step;
              merged.add(
                  new AttentionWithLse(
                      f.read(key + ".out"), f.read(key + ".lse").transpose(1, 2).contiguous()));
              if (step > 0) {
                assertThat(merged.out()).as(key).isCloseTo(f.read(key + ".merged_out_fp32"), 2e-6);
                assertThat(merged.lse().transpose(1, 2))
                    .as(key)
                    .isCloseTo(f.read(key + ".merged_lse"), 2e-6);
              }
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ring2_fp32, NATIVE, 2e-6",
    "ring4_fp32, NATIVE, 2e-6",
    "ring2_bf16, NATIVE, 0.01",
    "ring4_bf16, NATIVE, 0.01",
    // Each part of the keys has a mean of its own, which the log-sum-exp has to make up for.
    "ring4_fp32, SAGE, 0.02"
  })
  void ringOfTheReference(String name, BuiltInKernel kernel, double tolerance) {
    int world = CASES.path(name).path("world").asInt();
    try (SafeTensorsFile f = tensors()) {
      LocalWorld.run(
          world,
          g -> {
            long tokens = f.read(name + ".q").size(1) / world;
            long start = g.rank() * tokens;
            Tensor o =
                new RingAttention(g, new SdpaAttention(), kernel::withLogSumExp)
                    .forward(
                        f.read(name + ".q").narrow(1, start, tokens),
                        f.read(name + ".k").narrow(1, start, tokens),
                        f.read(name + ".v").narrow(1, start, tokens),
                        Tokens.of(world, tokens * world));
            assertThat(o).isCloseTo(f.read(name + ".out").narrow(1, start, tokens), tolerance);
            Assertions.assertThat(o.dtype()).isEqualTo(f.read(name + ".out").dtype());
            Tensor k = f.read(name + ".k");
            Assertions.assertThat(g.traffic().bytes(Collective.POINT_TO_POINT))
                .as("2 (t / N) (N - 1)")
                .isEqualTo(2 * k.bytes() / world * (world - 1));
          });
    }
  }

  /** Parts of unequal length, and the exchange of the next part under way while one is computed. */
  @Test
  void unequalPartsAndOverlap() {
    long[] counts = {5, 3, 4};
    int heads = 2;
    int dim = 16;
    try (TensorScope outer = TensorScope.open();
        Generator generator = new Generator(7)) {
      Tensor q = generator.randn(DType.FLOAT32, 1, 12, heads, dim);
      Tensor k = generator.randn(DType.FLOAT32, 1, 12, heads, dim);
      Tensor v = generator.randn(DType.FLOAT32, 1, 12, heads, dim);
      Tensor exact = new SdpaAttention().forward(q, k, v);
      LocalWorld.run(
          3,
          g -> {
            List<String> events = new ArrayList<>();
            RecordingGroup recording = new RecordingGroup(g, events);
            long start = g.rank() == 0 ? 0 : g.rank() == 1 ? 5 : 8;
            long n = counts[g.rank()];
            Tensor o =
                new RingAttention(
                        recording,
                        new SdpaAttention(),
                        (a, b, c, scale) -> {
                          events.add("compute");
                          return AttentionKernels.attentionWithLse(a, b, c, scale, false);
                        })
                    .forward(
                        q.narrow(1, start, n),
                        k.narrow(1, start, n),
                        v.narrow(1, start, n),
                        Tokens.ofParts(counts));
            assertThat(o).isCloseTo(exact.narrow(1, start, n), 2e-6);
            Assertions.assertThat(events)
                .containsExactly(
                    "start exchange 0",
                    "compute",
                    "await exchange 0",
                    "start exchange 1",
                    "compute",
                    "await exchange 1",
                    "compute");
            recording.closeSent();
          });
    }
  }
}
