package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.ForwardPattern;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The six-block network of the fixtures, in any forward pattern; counts the blocks it runs. */
final class TinyTransformer {
  static final int BLOCKS = 6;
  private static final double ALPHA = 0.25;

  private final Function<String, Tensor> weights;
  private final List<BlockGroup<Tensor>> groups = new ArrayList<>();
  private int blocksRun;

  /**
   * @param pattern a number, or {@code 1+3} for two groups
   * @param weights W1..W4 [6, 8, 8] and b1, b2 [6, 1, 8] by name, in the dtype of the case
   */
  TinyTransformer(String pattern, Function<String, Tensor> weights) {
    this.weights = weights;
    if (pattern.equals("1+3")) {
      groups.add(new BlockGroup<>("one", blocks(1, 0, 3), ForwardPattern.PATTERN_1));
      groups.add(new BlockGroup<>("two", blocks(3, 3, 6), ForwardPattern.PATTERN_3));
    } else {
      int p = Integer.parseInt(pattern);
      groups.add(new BlockGroup<>("blocks", blocks(p, 0, BLOCKS), ForwardPattern.values()[p]));
    }
  }

  private List<Block<Tensor>> blocks(int pattern, int from, int to) {
    List<Block<Tensor>> blocks = new ArrayList<>();
    for (int i = from; i < to; i++) {
      int row = i;
      blocks.add(
          (in, temb) -> {
            blocksRun++;
            return pattern <= 2
                ? twoStream(row, pattern, in, temb)
                : oneStream(row, pattern, in, temb);
          });
    }
    return blocks;
  }

  private Tensor weight(String name, int row) {
    return weights.apply(name).select(0, row);
  }

  private Streams twoStream(int i, int pattern, Streams in, Tensor temb) {
    Tensor h = in.hidden();
    Tensor e = in.encoder();
    Tensor h2 =
        h.add(
            h.matmul(weight("W1", i))
                .add(e.mean(1, true).matmul(weight("W2", i)))
                .add(weight("b1", i))
                .add(temb)
                .tanh()
                .mul(ALPHA));
    if (pattern == 2) {
      return new Streams(h2, e);
    }
    Tensor e2 =
        e.add(
            e.matmul(weight("W3", i))
                .add(h.mean(1, true).matmul(weight("W4", i)))
                .add(weight("b2", i))
                .add(temb)
                .tanh()
                .mul(ALPHA));
    return new Streams(h2, e2);
  }

  private Streams oneStream(int i, int pattern, Streams in, Tensor temb) {
    Tensor h = in.hidden();
    Tensor h2 = h.add(h.matmul(weight("W1", i)).add(weight("b1", i)).add(temb).tanh().mul(ALPHA));
    if (pattern == 3) {
      return new Streams(h2, in.encoder());
    }
    return new Streams(h2, h2.matmul(weight("W3", i)).add(weight("b2", i)).tanh().mul(ALPHA));
  }

  List<BlockGroup<Tensor>> groups() {
    return groups;
  }

  /** Blocks run since the last call of this method. */
  int takeBlocksRun() {
    int run = blocksRun;
    blocksRun = 0;
    return run;
  }

  /** One transformer call. */
  Streams call(BlockRunner runner, Tensor h, Tensor e, Tensor temb) {
    try (TensorScope scope = TensorScope.open()) {
      ForwardPattern pattern = groups.get(0).pattern();
      Streams in = new Streams(h, pattern.takesEncoder() ? e : null);
      Streams out = runner.run(groups.get(0), in, temb);
      if (groups.size() == 2) {
        long text = out.encoder().size(1);
        Tensor x = Tensor.cat(1, out.encoder(), out.hidden());
        Tensor y = runner.run(groups.get(1), new Streams(x, null), temb).hidden();
        out = new Streams(y.narrow(1, text, y.size(1) - text), y.narrow(1, 0, text));
      }
      return out.keepIn(scope);
    }
  }
}
