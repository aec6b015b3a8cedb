package io.jdit.family.qwenimage;

import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.Weights;
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
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.TileSharing;
import io.jdit.vae.WanAutoencoder;
import io.jdit.vae.WanVaeConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A Qwen-Image model: Qwen2.5-VL's language model, the transformer, the causal autoencoder with one
 * frame, flow matching by Euler steps.
 */
final class QwenImageModel implements Model {
  private static final String EMBEDS = "prompt_embeds"; // [B, T, joint_attention_dim]
  private static final String TEXT_ENCODER = "Qwen2_5_VLForConditionalGeneration";
  private static final PromptTemplate TEMPLATE =
      PromptTemplate.user(
          "Describe the image by detailing the color, shape, size, texture, quantity, text,"
              + " spatial relationships of the objects and background:");

  /** Tokens of the template that are dropped, a constant of the reference for its vocabulary. */
  private static final int DROPPED = 34;

  private final Parts parts;
  private final Strategies strategies;
  private final FlowMatchEuler scheduler;
  private final QwenImageConfig config;
  private final DecoderConfig text;
  private final WanVaeConfig latent;
  private final Part<QwenImageTransformer> transformer;
  private final Part<DecoderModel> textEncoder;
  private final Part<WanAutoencoder> vae;
  private final Part<Tokenizer> tokenizer;
  private final RotaryTables tables;

  QwenImageModel(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    scheduler =
        new FlowMatchEuler(
            FlowMatchEuler.Config.read(
                folder.config("scheduler", "FlowMatchEulerDiscreteScheduler")));
    config = QwenImageConfig.read(folder.config("transformer", "QwenImageTransformer2DModel"));
    text = DecoderConfig.qwen25Vl(folder.config("text_encoder", TEXT_ENCODER));
    latent = WanVaeConfig.read(folder.config("vae", "AutoencoderKLQwenImage"));
    transformer =
        parts.part(
            "transformer",
            "QwenImageTransformer2DModel",
            w ->
                new QwenImageTransformer(
                    config,
                    w,
                    strategies.linears("transformer"),
                    strategies.attention(),
                    strategies.sequence()));
    textEncoder = parts.part("text_encoder", TEXT_ENCODER, this::languageModel);
    vae = parts.part("vae", "AutoencoderKLQwenImage", w -> new WanAutoencoder(latent, w));
    tokenizer = parts.tokenizer("tokenizer");
    tables = parts.own(new RotaryTables());
    require(folder, "joint_attention_dim", config.jointAttentionDim(), text.hiddenSize());
    require(folder, "in_channels", config.inChannels(), 4 * latent.zDim());
    require(folder, "4 out_channels", config.outChannels(), config.inChannels());
  }

  private static void require(ModelFolder folder, String key, int value, int fitting) {
    if (value != fitting) {
      throw folder.mismatch(key + " of the transformer is " + value + ", expected " + fitting);
    }
  }

  /** Text alone needs no vision tower. */
  private DecoderModel languageModel(Weights w) {
    w.ignoreBelow("visual");
    w.ignoreBelow("model.visual");
    return new DecoderModel(text, w, strategies.linears("text_encoder"));
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    String prompt = request.get(branch == 0 ? PROMPT : NEGATIVE_PROMPT);
    int limit = request.get(MAX_SEQUENCE_LENGTH);
    try (TensorScope scope = TensorScope.open()) {
      TokenIds ids = TEMPLATE.encode(tokenizer.get(), prompt, DROPPED + limit);
      ids.noteIfCut("Qwen2.5-VL", limit, notes);
      // Attention is causal: what is cut off or padding would not be seen by what comes before.
      long[] used = Arrays.copyOf(ids.ids(), ids.length());
      Tensor state =
          textEncoder.get().hiddenStates(used, used.length, text.numHiddenLayers()).get(0);
      Tensor embeds = state.narrow(1, DROPPED, used.length - DROPPED).contiguous();
      return new Condition(Map.of(EMBEDS, embeds)).keepIn(scope);
    } finally {
      textEncoder.done();
    }
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    long[] shape = {1, request.get(MAX_SEQUENCE_LENGTH), text.hiddenSize()};
    return new Condition(Map.of(EMBEDS, numbers.apply(shape)));
  }

  @Override
  public Guidance guidance(Request request) {
    return QwenImageGuidance.of(request.get(TRUE_CFG_SCALE));
  }

  @Override
  public Trajectory trajectory(Request request) {
    return scheduler.trajectory(request.steps(), scheduler.mu(grid(request).tokens()));
  }

  private Grid grid(Request request) {
    int token = PackedLatents.PATCH * latent.scaleFactor();
    return new Grid(request.height() / token, request.width() / token);
  }

  @Override
  public Tensor start(Request request, Generator noise) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          noise.randn(
              strategies.dtype(),
              request.outputs(),
              latent.zDim(),
              request.height() / latent.scaleFactor(),
              request.width() / latent.scaleFactor());
      return scope.keep(PackedLatents.pack(drawn).to(strategies.device()));
    }
  }

  @Override
  public Tensor predict(
      Request request, Tensor latents, Condition c, float timestep, BlockRunner runner) {
    Grid grid = grid(request);
    int textTokens = (int) c.get(EMBEDS).size(1);
    try (TensorScope scope = TensorScope.open()) {
      RotaryTable rotary =
          tables.get(
              List.of(textTokens, grid), () -> transformer.get().rotary(textTokens, List.of(grid)));
      // The division happens in the latents' dtype, as in the reference.
      Tensor t =
          Tensor.full(timestep, DType.FLOAT32, strategies.device(), latents.size(0))
              .to(latents.dtype())
              .div(1000);
      QwenImageInputs inputs = new QwenImageInputs(latents, null, c.get(EMBEDS), null, t, rotary);
      return scope.keep(transformer.get().forward(inputs, runner));
    }
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    TileSharing tiles = strategies.tiles(request.height(), request.width());
    Grid grid = grid(request);
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      try (TensorScope scope = TensorScope.open()) {
        Tensor packed = latents.narrow(0, b, 1);
        Tensor z = PackedLatents.unpack(packed, grid.height(), grid.width()).unsqueeze(2);
        vae.get()
            .decode(
                latent.latents().denormalize(z),
                tiles,
                frame -> out.frame(output, 0, Frames.toRgb(frame)));
      }
    }
    vae.done();
  }

  @Override
  public void close() {
    parts.close();
  }
}
