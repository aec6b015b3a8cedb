package io.jdit.attention;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.HeadProjections.Names;
import io.jdit.attention.HeadProjections.Shape;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Joint projections against the same written out with plain operators. */
@ExtendWith(NoLeaks.class)
class HeadProjectionsTest {
  private static final int IN = 12;
  private static final int HEADS = 2;
  private static final int DIM = 8;
  private static final Shape SHAPE = new Shape(IN, HEADS, DIM, true, 1e-6);
  private static final LinearFactory DENSE = LinearFactory.dense();

  @TempDir private Path folder;
  private TensorScope scope;
  private SafeTensorsFile file;
  private Weights weights;
  private Tensor image; // [2, 5, in]
  private Tensor text; // [2, 3, in]

  @BeforeEach
  void write() throws Exception {
    scope = TensorScope.open();
    try (Generator g = new Generator(6)) {
      Map<String, Tensor> all = new LinkedHashMap<>();
      for (Names n : new Names[] {Names.HIDDEN, Names.ADDED}) {
        for (String layer : new String[] {n.q(), n.k(), n.v()}) {
          all.put(layer + ".weight", g.randn(DType.FLOAT32, HEADS * DIM, IN));
          all.put(layer + ".bias", g.randn(DType.FLOAT32, HEADS * DIM));
        }
        all.put(n.normQ() + ".weight", g.randn(DType.FLOAT32, DIM));
        all.put(n.normK() + ".weight", g.randn(DType.FLOAT32, DIM));
      }
      all.put("wide_q.weight", g.randn(DType.FLOAT32, HEADS * DIM));
      all.put("wide_k.weight", g.randn(DType.FLOAT32, HEADS * DIM));
      image = g.randn(DType.FLOAT32, 2, 5, IN);
      text = g.randn(DType.FLOAT32, 2, 3, IN);
      SafeTensorsWriter.write(folder.resolve("w.safetensors"), all);
    }
    file = SafeTensorsFile.open(folder.resolve("w.safetensors"));
    weights = new Weights(file, DType.FLOAT32, Device.CPU, scope);
  }

  @AfterEach
  void close() {
    file.close();
    scope.close();
  }

  /** HunyuanVideo's order: image first, and only the image has positions. */
  @Test
  void imageFirstWithoutPositionsOfTheText() {
    RotaryTable rotary = rotary(5);
    Tensor o =
        HeadProjections.attend(
                new FusedAttention(),
                Tokens.of(1, 5, 3),
                rotary,
                HeadProjections.perHead(weights, DENSE, SHAPE, Names.HIDDEN).of(image),
                HeadProjections.perHead(weights, DENSE, SHAPE, Names.ADDED).unrotated(text))
            .await();
    Tensor q =
        Tensor.cat(
            1,
            head("to_q", "norm_q", image, rotary),
            head("add_q_proj", "norm_added_q", text, null));
    Tensor k =
        Tensor.cat(
            1,
            head("to_k", "norm_k", image, rotary),
            head("add_k_proj", "norm_added_k", text, null));
    Tensor v = Tensor.cat(1, head("to_v", null, image, null), head("add_v_proj", null, text, null));
    assertThat(o).isCloseTo(new SdpaAttention().forward(q, k, v), 2e-6);
  }

  /** FLUX.2's single blocks: one projection gives query, key, value and more. */
  @Test
  void fusedProjectionsEqualSeparateOnes() {
    Tensor fused =
        Tensor.cat(2, linear("to_q", image), linear("to_k", image), linear("to_v", image), image);
    RotaryTable rotary = rotary(5);
    Tensor o =
        HeadProjections.attend(
                new FusedAttention(),
                Tokens.here(),
                rotary,
                HeadProjections.ofFused(weights, DENSE, SHAPE, Names.HIDDEN).of(fused))
            .await();
    Tensor separate =
        HeadProjections.attend(
                new FusedAttention(),
                Tokens.here(),
                rotary,
                HeadProjections.perHead(weights, DENSE, SHAPE, Names.HIDDEN).of(image))
            .await();
    assertThat(o).isCloseTo(separate, 2e-6);
  }

  /** Wan's cross attention: norms over all heads, queries of one stream, keys of another. */
  @Test
  void normsAcrossHeadsAndSingleOperands() {
    HeadProjections p =
        HeadProjections.acrossHeads(
            weights, DENSE, SHAPE, new Names("to_q", "to_k", "to_v", "wide_q", "wide_k"));
    Tensor wide =
        new RmsNorm(weights.at("wide_q"), HEADS * DIM, 1e-6).forward(linear("to_q", image));
    assertThat(p.query(image)).isCloseTo(wide.view(2, 5, HEADS, DIM), 2e-6);
    assertThat(p.value(text)).isCloseTo(head("to_v", null, text, null), 2e-6);
    HeadProjections plain =
        HeadProjections.perHead(weights, DENSE, SHAPE, Names.HIDDEN.withoutNorms());
    assertThat(plain.key(text)).isCloseTo(head("to_k", null, text, null), 2e-6);
  }

  private Tensor linear(String layer, Tensor x) {
    return Functional.linear(x, file.read(layer + ".weight"), file.read(layer + ".bias"));
  }

  private Tensor head(String layer, String norm, Tensor x, RotaryTable rotary) {
    Tensor heads = linear(layer, x).view(2, x.size(1), HEADS, DIM);
    return Kernels.rmsNormRope(
        heads,
        norm == null ? null : file.read(norm + ".weight"),
        1e-6,
        rotary == null ? null : rotary.cos(),
        rotary == null ? null : rotary.sin());
  }

  private static RotaryTable rotary(int tokens) {
    int[][] ids = new int[tokens][1];
    for (int i = 0; i < tokens; i++) {
      ids[i][0] = i + 1;
    }
    return RotaryTable.of(ids, new int[] {DIM}, 10_000, Device.CPU);
  }
}
