package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.Values;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.util.Arrays;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class ResidualDiffTest {
  @TestFactory
  Stream<DynamicTest> goldenDecisions() {
    return CachingFixtures.json("caching/similarity.json")
        .get("cases")
        .valueStream()
        .map(c -> DynamicTest.dynamicTest(c.toString(), () -> checkCase(c)));
  }

  private static void checkCase(JsonNode golden) {
    DType dtype = CachingFixtures.dtype(golden);
    int factor = golden.get("downsample_factor").intValue();
    double important = golden.get("important_condition_threshold").doubleValue();
    try (SafeTensorsFile file =
            SafeTensorsFile.open(Fixture.ROOT.resolve("caching/similarity.safetensors"));
        TensorScope scope = TensorScope.open()) {
      String pair = golden.get("pair").stringValue();
      Tensor previous = ResidualDiff.downsample(file.read(pair + ".prev").to(dtype), factor);
      Tensor current = ResidualDiff.downsample(file.read(pair + ".cur").to(dtype), factor);
      CacheContext context = new CacheContext(config(golden.get("threshold").doubleValue()));
      context.select();
      CacheBranch branch = context.begin();
      boolean yes = context.canCache(difference(previous, current, important));
      assertThat(yes).isEqualTo(golden.get("can_cache").booleanValue());
      checkRecord(branch, CachingFixtures.number(golden.get("diff")), dtype);
    }
  }

  private static CacheConfig config(double threshold) {
    return CacheConfig.of(
        Values.none()
            .with(CacheKeys.MAX_WARMUP_STEPS, 0)
            .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, threshold));
  }

  private static Difference difference(Tensor previous, Tensor current, double important) {
    return new Difference() {
      @Override
      public boolean hasPrevious() {
        return true;
      }

      @Override
      public boolean sameShape() {
        return Arrays.equals(previous.shape(), current.shape());
      }

      @Override
      public double measure() {
        return new ResidualDiff(important, null).between(previous, current);
      }
    };
  }

  private static void checkRecord(CacheBranch branch, Double expected, DType dtype) {
    if (expected == null) {
      assertThat(branch.residualDiffs()).isEmpty();
      return;
    }
    double found = branch.residualDiffs().get(0).get(0);
    if (expected.isNaN() || expected.isInfinite() || expected <= 0) {
      assertThat(found).isEqualTo(expected);
    } else if (dtype == DType.FLOAT32 || dtype == DType.FLOAT64) {
      assertThat(found).isCloseTo(expected, Percentage.withPercentage(1e-4));
    } else {
      int bits = dtype == DType.BFLOAT16 ? 7 : 10;
      double ulp = Math.scalb(1.0, Math.getExponent(expected) - bits);
      assertThat(found).isCloseTo(expected, Offset.offset(ulp));
    }
  }

  /** Two unequal shards: the quotient of the summed parts is that of the whole tensor. */
  @Test
  void shardsOfUnequalLengthGiveTheWholeDifference() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor previous = Tensor.of(new float[] {1, -2, 3, 4, 5, -6}, 1, 3, 2);
      Tensor current = Tensor.of(new float[] {1, 2, 2, 4, 7, -6}, 1, 3, 2);
      float[] other = {2, 11};
      RankSum sum = v -> new float[] {v[0] + other[0], v[1] + other[1]};
      double shard =
          new ResidualDiff(0, sum).between(previous.narrow(1, 0, 2), current.narrow(1, 0, 2));
      assertThat(shard).isEqualTo((double) (7f / 21f));
      assertThat(new ResidualDiff(0, null).between(previous, current))
          .isEqualTo((double) (7f / 6f / (21f / 6f)));
    }
  }
}
