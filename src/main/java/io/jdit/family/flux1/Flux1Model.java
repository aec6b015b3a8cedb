package io.jdit.family.flux1;

import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT_2;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT_2;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;

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
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.T5Encoder;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import io.jdit.vae.TileSharing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A FLUX.1 model: CLIP and T5, the transformer, AutoencoderKL, flow matching by Euler steps. */
final class Flux1Model implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, T, joint_attention_dim]
  private static final String POOLED = "pooled_prompt_embeds"; // [B, pooled_projection_dim]
  private static final String GUIDANCE = "guidance"; // float32 [B]

  private final Parts parts;
  private final Strategies strategies;
  private final FlowMatchEuler scheduler;
  private final FluxConfig config;
  private final ClipTextEncoder.Config clip;
  private final T5Encoder.Config t5;
  private final KlConfig latent;
  private final Part<FluxTransformer> transformer;
  private final Part<ClipTextEncoder> textEncoder;
  private final Part<T5Encoder> textEncoder2;
  private final Part<KlAutoencoder> vae;
  private final Part<Tokenizer> tokenizer;
  private final Part<Tokenizer> tokenizer2;
  private final RotaryTables tables;

  Flux1Model(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    scheduler =
        new FlowMatchEuler(
            FlowMatchEuler.Config.read(
                folder.config("scheduler", "FlowMatchEulerDiscreteScheduler")));
    config = FluxConfig.read(folder.config("transformer", "FluxTransformer2DModel"));
    clip = ClipTextEncoder.Config.read(folder.config("text_encoder", "CLIPTextModel"));
    t5 = T5Encoder.Config.read(folder.config("text_encoder_2", "T5EncoderModel"));
    latent = KlConfig.read(folder.config("vae", "AutoencoderKL"));
    transformer =
        parts.part(
            "transformer",
            "FluxTransformer2DModel",
            w ->
                new FluxTransformer(
                    config,
                    w,
                    strategies.linears("transformer"),
                    strategies.attention(),
                    strategies.sequence()));
    textEncoder =
        parts.part(
            "text_encoder",
            "CLIPTextModel",
            w ->
                new ClipTextEncoder(
                    clip,
                    w,
                    strategies.linears("text_encoder").sharingHeads(clip.numAttentionHeads())));
    textEncoder2 =
        parts.part(
            "text_encoder_2",
            "T5EncoderModel",
            w -> new T5Encoder(t5, w, strategies.linears("text_encoder_2")));
    vae = parts.part("vae", "AutoencoderKL", w -> new KlAutoencoder(latent, w));
    tokenizer = parts.tokenizer("tokenizer");
    tokenizer2 = parts.tokenizer("tokenizer_2");
    tables = parts.own(new RotaryTables());
    requireMatchingParts(folder);
  }

  private void requireMatchingParts(ModelFolder folder) {
    folder.requireFitting(
        "joint_attention_dim of the transformer", config.jointAttentionDim(), t5.dModel());
    folder.requireFitting(
        "pooled_projection_dim of the transformer",
        config.pooledProjectionDim(),
        clip.hiddenSize());
    folder.requireFitting(
        "in_channels of the transformer", config.inChannels(), 4 * latent.latentChannels());
    folder.requireFitting(
        "out_channels of the transformer", config.outChannels(), config.inChannels());
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    String prompt = prompt(request, branch);
    String prompt2 = prompt2(request, branch);
    int length = request.get(MAX_SEQUENCE_LENGTH);
    try (TensorScope scope = TensorScope.open()) {
      TokenIds clipIds = tokenizer.get().encode(prompt, clip.maxPositionEmbeddings());
      TokenIds t5Ids = tokenizer2.get().encode(prompt2 == null ? prompt : prompt2, length);
      clipIds.noteIfCut("CLIP", clip.maxPositionEmbeddings(), notes);
      t5Ids.noteIfCut("T5", length, notes);
      Tensor pooled = textEncoder.get().pooled(new long[][] {clipIds.ids()});
      Tensor embeds = textEncoder2.get().forward(new long[][] {t5Ids.ids()});
      return condition(request, embeds, pooled).keepIn(scope);
    }
  }

  @Override
  public List<Object> inputs(Request request, int branch) {
    return Arrays.asList(
        prompt(request, branch),
        prompt2(request, branch),
        request.get(MAX_SEQUENCE_LENGTH),
        request.get(GUIDANCE_SCALE));
  }

  @Override
  public void encoded() {
    textEncoder.done();
    textEncoder2.done();
  }

  @Override
  public void denoised() {
    transformer.done();
  }

  private static String prompt(Request request, int branch) {
    return request.get(branch == 0 ? PROMPT : NEGATIVE_PROMPT);
  }

  private static String prompt2(Request request, int branch) {
    return request.get(branch == 0 ? PROMPT_2 : NEGATIVE_PROMPT_2);
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    return condition(
        request,
        numbers.apply(new long[] {1, request.get(MAX_SEQUENCE_LENGTH), t5.dModel()}),
        numbers.apply(new long[] {1, clip.hiddenSize()}));
  }

  private Condition condition(Request request, Tensor embeds, Tensor pooled) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(EMBEDS, embeds);
    tensors.put(POOLED, pooled);
    if (config.guidanceEmbeds()) {
      tensors.put(
          GUIDANCE,
          Tensor.full(request.get(GUIDANCE_SCALE), DType.FLOAT32, strategies.device(), 1));
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
    return scheduler.trajectory(
        request.steps(), scheduler.mu(gridHeight(request) * gridWidth(request)));
  }

  private int gridHeight(Request request) {
    return request.height() / (PackedLatents.PATCH * latent.scaleFactor());
  }

  private int gridWidth(Request request) {
    return request.width() / (PackedLatents.PATCH * latent.scaleFactor());
  }

  @Override
  public Tensor start(Request request, Generator noise) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          noise.randn(
              strategies.dtype(),
              request.outputs(),
              latent.latentChannels(),
              request.height() / latent.scaleFactor(),
              request.width() / latent.scaleFactor());
      return scope.keep(PackedLatents.pack(drawn).to(strategies.device()));
    }
  }

  private RotaryTable rotary(long textTokens, int gridHeight, int gridWidth) {
    return tables.get(
        List.of(textTokens, gridHeight, gridWidth),
        () -> transformer.get().rotary((int) textTokens, gridHeight, gridWidth));
  }

  @Override
  public Tensor predict(
      Request request, Tensor latents, Condition c, float[] timesteps, BlockRunner runner) {
    try (TensorScope scope = TensorScope.open()) {
      // The division happens in the latents' dtype, as in the reference.
      Tensor t =
          Tensor.of(timesteps, timesteps.length).to(strategies.device(), latents.dtype()).div(1000);
      FluxInputs inputs =
          new FluxInputs(
              latents,
              c.get(EMBEDS),
              c.get(POOLED),
              t,
              c.has(GUIDANCE) ? c.get(GUIDANCE) : null,
              rotary(c.get(EMBEDS).size(1), gridHeight(request), gridWidth(request)));
      return scope.keep(transformer.get().forward(inputs, runner));
    }
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    TileSharing tiles = strategies.tiles(request.height(), request.width());
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      try (TensorScope scope = TensorScope.open()) {
        Tensor z =
            PackedLatents.unpack(latents.narrow(0, b, 1), gridHeight(request), gridWidth(request));
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
