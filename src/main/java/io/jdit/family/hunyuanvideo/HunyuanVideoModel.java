package io.jdit.family.hunyuanvideo;

import static io.jdit.pipeline.RequestKeys.FLOW_SHIFT;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_FRAMES;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;

import io.jdit.nn.RotaryTable;
import io.jdit.nn.RotaryTables;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Frames;
import io.jdit.pipeline.Guidance;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.BlockRunner;
import io.jdit.vae.HunyuanAutoencoder;
import io.jdit.vae.TileSharing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A HunyuanVideo model: Llama and CLIP, the transformer, the causal autoencoder, flow matching by
 * Euler steps.
 */
final class HunyuanVideoModel implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, L, text_embed_dim]
  private static final String LENGTH = "length"; // int64 [B] on the CPU, tokens without padding
  private static final String POOLED = "pooled_prompt_embeds"; // [B, pooled_projection_dim]
  private static final String GUIDANCE = "guidance"; // float32 [B]

  private final Parts parts;
  private final Strategies strategies;
  private final HunyuanFolder folder;
  private final PromptEncoder prompts;
  private final Part<HunyuanTransformer> transformer;
  private final Part<HunyuanAutoencoder> vae;
  private final RotaryTables tables;

  HunyuanVideoModel(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    folder = HunyuanFolder.read(parts.folder());
    transformer =
        parts.part(
            "transformer",
            HunyuanFolder.TRANSFORMER_CLASS,
            w ->
                new HunyuanTransformer(
                    folder.transformer(),
                    w,
                    strategies.linears("transformer"),
                    strategies.attention(),
                    strategies.sequence()));
    prompts = new PromptEncoder(parts, folder);
    vae = parts.part("vae", HunyuanFolder.VAE_CLASS, w -> new HunyuanAutoencoder(folder.vae(), w));
    tables = parts.own(new RotaryTables());
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    try (TensorScope scope = TensorScope.open()) {
      PromptEncoder.Encoded e =
          prompts.encode(prompt(request, branch), request.get(MAX_SEQUENCE_LENGTH), notes);
      return condition(request, e.embeds(), e.length(), e.pooled()).keepIn(scope);
    }
  }

  private static String prompt(Request request, int branch) {
    return branch == 0 ? request.prompt() : request.get(NEGATIVE_PROMPT);
  }

  @Override
  public List<Object> inputs(Request request, int branch) {
    return List.of(
        prompt(request, branch), request.get(MAX_SEQUENCE_LENGTH), request.get(GUIDANCE_SCALE));
  }

  @Override
  public void encoded() {
    prompts.done();
  }

  @Override
  public void denoised() {
    transformer.done();
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    int tokens = request.get(MAX_SEQUENCE_LENGTH);
    HunyuanConfig c = folder.transformer();
    return condition(
        request,
        numbers.apply(new long[] {1, tokens, c.textEmbedDim()}),
        tokens,
        numbers.apply(new long[] {1, c.pooledProjectionDim()}));
  }

  private Condition condition(Request request, Tensor embeds, int length, Tensor pooled) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(EMBEDS, embeds);
    tensors.put(LENGTH, Tensor.of(new long[] {length}, 1));
    tensors.put(POOLED, pooled);
    if (folder.transformer().guidanceEmbeds()) {
      double scale = request.get(GUIDANCE_SCALE);
      tensors.put(GUIDANCE, Tensor.full(scale, DType.FLOAT32, strategies.device(), 1));
    }
    return new Condition(tensors);
  }

  @Override
  public Guidance guidance(Request request) {
    double scale = request.get(TRUE_CFG_SCALE);
    return scale > 1 ? Guidance.classifierFree(scale) : Guidance.none();
  }

  @Override
  public Trajectory trajectory(Request request) {
    FlowMatchEuler.Config config = folder.scheduler().withShift(request.get(FLOW_SHIFT));
    return new FlowMatchEuler(config).trajectory(request.steps(), 0);
  }

  /** float32 whatever the model's dtype; the first step brings the latents to it. */
  @Override
  public Tensor start(Request request, Generator noise) {
    int factor = folder.vae().spatial();
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          noise.randn(
              DType.FLOAT32,
              request.outputs(),
              folder.vae().latentChannels(),
              (request.get(NUM_FRAMES) - 1) / folder.vae().temporal() + 1,
              request.height() / factor,
              request.width() / factor);
      return scope.keep(drawn.to(strategies.device()));
    }
  }

  @Override
  public Tensor predict(
      Request request, Tensor latents, Condition c, float[] timesteps, BlockRunner runner) {
    try (TensorScope scope = TensorScope.open()) {
      HunyuanInputs inputs =
          new HunyuanInputs(
              latents,
              Tensor.of(timesteps, timesteps.length).to(strategies.device(), latents.dtype()),
              c.has(GUIDANCE) ? c.get(GUIDANCE) : null,
              c.get(EMBEDS),
              Arrays.stream(c.get(LENGTH).toLongs()).mapToInt(n -> (int) n).toArray(),
              c.get(POOLED),
              rotary(latents, (int) c.get(EMBEDS).size(1)));
      return scope.keep(transformer.get().forward(inputs, runner));
    }
  }

  private RotaryTable rotary(Tensor latents, int textTokens) {
    int patch = folder.transformer().patch();
    int frames = (int) latents.size(2);
    int rows = (int) latents.size(3) / patch;
    int columns = (int) latents.size(4) / patch;
    return tables.get(
        List.of(frames, rows, columns, textTokens),
        () -> transformer.get().rotary(frames, rows, columns, textTokens));
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    TileSharing tiles = strategies.tiles(request.height(), request.width());
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      int[] frame = {0};
      try (TensorScope scope = TensorScope.open()) {
        Tensor z = latents.narrow(0, b, 1).to(strategies.dtype()).div(folder.vae().scalingFactor());
        vae.get().decode(z, tiles, x -> out.frame(output, frame[0]++, Frames.toRgb(x)));
      }
    }
    vae.done();
  }

  @Override
  public void close() {
    parts.close();
  }
}
