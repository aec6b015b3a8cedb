package io.jdit.family.zimage;

import static io.jdit.family.zimage.ZImageConfig.PATCH;
import static io.jdit.pipeline.RequestKeys.CFG_NORMALIZATION;
import static io.jdit.pipeline.RequestKeys.CFG_TRUNCATION;
import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;

import io.jdit.checkpoint.ModelFolder;
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
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.tokenizer.PromptTemplate;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.transformer.BlockRunner;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import io.jdit.vae.TileSharing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A Z-Image model: Qwen3, the transformer, AutoencoderKL, flow matching by Euler steps. Latents are
 * float32 whatever the model's dtype.
 */
final class ZImageModel implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, most tokens, cap_feat_dim]
  private static final String LENGTH = "length"; // int64 [B] on the CPU, tokens of prompt_embeds

  private final Parts parts;
  private final Strategies strategies;
  private final FlowMatchEuler scheduler;
  private final ZImageConfig config;
  private final DecoderConfig text;
  private final KlConfig latent;
  private final Part<ZImageTransformer> transformer;
  private final Part<DecoderModel> textEncoder;
  private final Part<KlAutoencoder> vae;
  private final Part<Tokenizer> tokenizer;
  private final RotaryTables tables;

  ZImageModel(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    scheduler =
        new FlowMatchEuler(
            FlowMatchEuler.Config.read(
                folder.config("scheduler", "FlowMatchEulerDiscreteScheduler")));
    config = ZImageConfig.read(folder.config("transformer", "ZImageTransformer2DModel"));
    text = DecoderConfig.qwen3(folder.config("text_encoder", "Qwen3Model", "Qwen3ForCausalLM"));
    latent = KlConfig.read(folder.config("vae", "AutoencoderKL"));
    transformer =
        parts.part(
            "transformer",
            "ZImageTransformer2DModel",
            w ->
                new ZImageTransformer(
                    config,
                    w,
                    strategies.linears("transformer"),
                    strategies.attention(),
                    strategies.sequence()));
    textEncoder =
        parts.part(
            "text_encoder",
            folder.components().get("text_encoder"),
            w -> new DecoderModel(text, w, strategies.linears("text_encoder")));
    vae = parts.part("vae", "AutoencoderKL", w -> new KlAutoencoder(latent, w));
    tokenizer = parts.tokenizer("tokenizer");
    tables = parts.own(new RotaryTables());
    folder.requireFitting(
        "cap_feat_dim of the transformer", config.capFeatDim(), text.hiddenSize());
    folder.requireFitting(
        "in_channels of the transformer", config.inChannels(), latent.latentChannels());
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    int limit = request.get(MAX_SEQUENCE_LENGTH);
    try (TensorScope scope = TensorScope.open()) {
      String prompt = prompt(request, branch);
      TokenIds ids = PromptTemplate.user().encode(tokenizer.get(), prompt, limit);
      ids.noteIfCut("Qwen3", limit, notes);
      requirePositions(ids.length());
      // Padding is on the right and attention causal: what comes before does not see it.
      long[] used = Arrays.copyOf(ids.ids(), ids.length());
      Tensor state =
          textEncoder.get().hiddenStates(used, used.length, text.numHiddenLayers() - 1).get(0);
      long filled = ZImageInputs.padded(limit) - used.length;
      Tensor zeros = Tensor.zeros(state.dtype(), state.device(), 1, filled, text.hiddenSize());
      return condition(Tensor.cat(1, state, zeros), used.length).keepIn(scope);
    }
  }

  private static String prompt(Request request, int branch) {
    return request.get(branch == 0 ? PROMPT : NEGATIVE_PROMPT);
  }

  @Override
  public List<Object> inputs(Request request, int branch) {
    return List.of(prompt(request, branch), request.get(MAX_SEQUENCE_LENGTH));
  }

  @Override
  public void encoded() {
    textEncoder.done();
  }

  @Override
  public void denoised() {
    transformer.done();
  }

  private void requirePositions(int tokens) {
    int positions = config.axesLens()[0];
    if (ZImageInputs.padded(tokens) + 1 >= positions) {
      throw new IllegalArgumentException(
          "a prompt of "
              + tokens
              + " tokens is too long for the "
              + positions
              + " positions of this model: shorten it or lower max_sequence_length");
    }
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    int tokens = ZImageInputs.padded(request.get(MAX_SEQUENCE_LENGTH));
    return condition(numbers.apply(new long[] {1, tokens, text.hiddenSize()}), tokens);
  }

  private static Condition condition(Tensor embeds, int length) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(EMBEDS, embeds);
    tensors.put(LENGTH, Tensor.of(new long[] {length}, 1));
    return new Condition(tensors);
  }

  @Override
  public Guidance guidance(Request request) {
    return new ZImageGuidance(
        request.get(GUIDANCE_SCALE), request.get(CFG_NORMALIZATION), request.get(CFG_TRUNCATION));
  }

  @Override
  public Trajectory trajectory(Request request) {
    return scheduler.trajectory(
        request.steps(), scheduler.mu(grid(request.height()) * grid(request.width())));
  }

  private int grid(int pixels) {
    return pixels / (PATCH * latent.scaleFactor());
  }

  @Override
  public Tensor start(Request request, Generator noise) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          noise.randn(
              DType.FLOAT32,
              request.outputs(),
              latent.latentChannels(),
              request.height() / latent.scaleFactor(),
              request.width() / latent.scaleFactor());
      return scope.keep(drawn.to(strategies.device()));
    }
  }

  @Override
  public Tensor predict(
      Request request, Tensor latents, Condition c, float[] timesteps, BlockRunner runner) {
    int[] lengths = Arrays.stream(c.get(LENGTH).toLongs()).mapToInt(n -> (int) n).toArray();
    int[] padded = Arrays.stream(lengths).map(ZImageInputs::padded).toArray();
    int height = grid(request.height());
    int width = grid(request.width());
    try (TensorScope scope = TensorScope.open()) {
      RotaryTable rotary =
          tables.get(
              List.of(Arrays.stream(padded).boxed().toList(), height, width),
              () -> transformer.get().rotary(padded, height, width));
      float[] times = new float[timesteps.length];
      for (int i = 0; i < times.length; i++) {
        times[i] = ZImageGuidance.time(timesteps[i]);
      }
      Tensor t = Tensor.of(times, times.length).to(strategies.device());
      ZImageInputs inputs =
          new ZImageInputs(latents.to(strategies.dtype()), c.get(EMBEDS), lengths, t, rotary);
      Tensor out = transformer.get().forward(inputs, runner);
      return scope.keep(out.to(DType.FLOAT32).neg());
    }
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    TileSharing tiles = strategies.tiles(request.height(), request.width());
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      try (TensorScope scope = TensorScope.open()) {
        Tensor z = latents.narrow(0, b, 1).to(strategies.dtype());
        z = z.div(latent.scalingFactor()).add(latent.shiftFactor());
        vae.get().decode(z.unsqueeze(2), tiles, frame -> out.frame(output, 0, Frames.toRgb(frame)));
      }
    }
    vae.done();
  }

  @Override
  public void close() {
    parts.close();
  }
}
