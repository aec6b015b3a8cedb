package io.jdit.pipeline;

import io.jdit.checkpoint.SyntheticWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.DeviceWorker;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.flux.FluxConfig;
import io.jdit.transformer.flux.FluxInputs;
import io.jdit.transformer.flux.FluxTransformer;
import java.util.ArrayList;
import java.util.List;

/**
 * Times the steps of a FLUX.1 transformer with random weights: what a step costs does not depend on
 * their values.
 *
 * @param gridHeight image tokens from top to bottom
 */
public record FluxBenchmark(
    LoadOptions options, FluxConfig config, int textTokens, int gridHeight, int gridWidth) {
  /** Attention heads of {@link #mid}. */
  public static final int MID_HEADS = 12;

  /**
   * Hidden 768 (12 heads of 64), 4 double and 8 single blocks, 32 x 32 image tokens, 128 text
   * tokens.
   */
  public static FluxBenchmark mid(LoadOptions options) {
    FluxConfig config =
        new FluxConfig(64, 64, 4, 8, MID_HEADS, 64, 4096, 768, true, new int[] {8, 28, 28});
    return new FluxBenchmark(options, config, 128, 32, 32);
  }

  public FluxBenchmark withBlocks(int doubleBlocks, int singleBlocks) {
    FluxConfig c =
        new FluxConfig(
            config.inChannels(),
            config.outChannels(),
            doubleBlocks,
            singleBlocks,
            config.numAttentionHeads(),
            config.attentionHeadDim(),
            config.jointAttentionDim(),
            config.pooledProjectionDim(),
            config.guidanceEmbeds(),
            config.axesDimsRope());
    return new FluxBenchmark(options, c, textTokens, gridHeight, gridWidth);
  }

  /** Milliseconds of each measured step: one transformer call and nothing else. */
  public List<Double> steps(int warmup, int runs) throws Exception {
    try (DeviceWorker worker =
        new DeviceWorker("jdit-bench", options.device(), options.threads())) {
      return worker.call(() -> measure(warmup, runs));
    }
  }

  private List<Double> measure(int warmup, int runs) {
    List<Double> times = new ArrayList<>();
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound();
        Generator generator = new Generator(0)) {
      Weights weights =
          new Weights(new SyntheticWeights(0), options.dtype(), options.device(), owner);
      FluxTransformer model =
          new FluxTransformer(
              config,
              weights,
              options.linears(),
              options.attention(),
              options.distribution().sequence());
      RotaryTable rotary = model.rotary(textTokens, gridHeight, gridWidth);
      FluxInputs inputs =
          new FluxInputs(
              noise(generator, 1, gridHeight * gridWidth, config.inChannels()),
              noise(generator, 1, textTokens, config.jointAttentionDim()),
              noise(generator, 1, config.pooledProjectionDim()),
              Tensor.full(0.5, options.dtype(), options.device(), 1),
              Tensor.full(3.5, DType.FLOAT32, options.device(), 1),
              rotary);
      try (Acceleration acceleration =
          options.acceleration().begin(new Acceleration.Outline("transformer", warmup + runs, 1))) {
        for (int i = 0; i < warmup + runs; i++) {
          long start = System.nanoTime();
          try (TensorScope step = TensorScope.open()) {
            model
                .forward(inputs, acceleration.runner())
                .select(0, 0)
                .select(0, 0)
                .select(0, 0)
                .item();
          }
          if (i >= warmup) {
            times.add((System.nanoTime() - start) / 1e6);
          }
        }
      }
    }
    return times;
  }

  private Tensor noise(Generator generator, long... shape) {
    return generator.randn(options.dtype(), shape).to(options.device());
  }
}
