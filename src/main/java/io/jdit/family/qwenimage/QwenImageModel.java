package io.jdit.family.qwenimage;

import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.PROMPT;
import static io.jdit.pipeline.RequestKeys.TRUE_CFG_SCALE;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.media.Picture;
import io.jdit.nn.RotaryTable;
import io.jdit.nn.RotaryTables;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Frames;
import io.jdit.pipeline.GivenPictures;
import io.jdit.pipeline.Guidance;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.TileSharing;
import io.jdit.vae.WanAutoencoder;
import io.jdit.vae.WanVaeConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A Qwen-Image model: Qwen2.5-VL, the transformer, the causal autoencoder with one frame, flow
 * matching by Euler steps.
 */
final class QwenImageModel implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, T, joint_attention_dim]
  private static final String PICTURES = "image_latents"; // [B, C, in_channels], normalised
  private static final String GRIDS = "image_grids"; // int64 [B, pictures, 2] on the CPU

  private final Parts parts;
  private final Strategies strategies;
  private final FlowMatchEuler scheduler;
  private final QwenImageConfig config;
  private final WanVaeConfig latent;
  private final Part<QwenImageTransformer> transformer;
  private final PromptEncoder prompts;
  private final EditPictures edits;
  private final Part<WanAutoencoder> vae;
  private final RotaryTables tables;

  QwenImageModel(Parts parts, EditPictures edits) {
    this.edits = edits;
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    scheduler =
        new FlowMatchEuler(
            FlowMatchEuler.Config.read(
                folder.config("scheduler", "FlowMatchEulerDiscreteScheduler")));
    config = QwenImageConfig.read(folder.config("transformer", "QwenImageTransformer2DModel"));
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
    prompts = new PromptEncoder(parts, edits.variant());
    vae = parts.part("vae", "AutoencoderKLQwenImage", w -> new WanAutoencoder(latent, w));
    tables = parts.own(new RotaryTables());
    folder.requireFitting(
        "joint_attention_dim of the transformer", config.jointAttentionDim(), prompts.width());
    folder.requireFitting("in_channels of the transformer", config.inChannels(), 4 * latent.zDim());
    folder.requireFitting(
        "4 out_channels of the transformer", config.outChannels(), config.inChannels());
  }

  @Override
  public Condition encodeShared(Request request, List<String> notes) {
    List<Picture> pictures = GivenPictures.read(request.values());
    if (pictures.isEmpty()) {
      return Condition.none();
    }
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> packed = new ArrayList<>();
      List<Grid> grids = new ArrayList<>();
      for (Picture picture : pictures) {
        Picture p = edits.encoded(picture);
        Tensor pixels = GivenPictures.pixels(p).to(strategies.device(), strategies.dtype());
        Tensor z = vae.get().encode(pixels, strategies.tiles(p.height(), p.width()));
        packed.add(PackedLatents.pack(latent.latents().normalize(z).squeeze(2)));
        grids.add(grid(p.height(), p.width()));
      }
      return pictures(Tensor.cat(1, packed.toArray(Tensor[]::new)), grids).keepIn(scope);
    }
  }

  @Override
  public List<Object> sharedInputs(Request request) {
    return List.copyOf(GivenPictures.digests(request.values()));
  }

  private static Condition pictures(Tensor packed, List<Grid> grids) {
    return new Condition(Map.of(PICTURES, packed, GRIDS, Grid.toTensor(grids)));
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    List<Picture> pictures = edits.read(request.values()).stream().map(edits::seen).toList();
    int limit = request.get(MAX_SEQUENCE_LENGTH);
    String prompt = prompt(request, branch);
    Tensor embeds =
        pictures.isEmpty()
            ? prompts.encode(prompt, limit, notes)
            : prompts.encode(prompt, pictures, sharedInputs(request));
    return new Condition(Map.of(EMBEDS, embeds));
  }

  private static String prompt(Request request, int branch) {
    return request.get(branch == 0 ? PROMPT : NEGATIVE_PROMPT);
  }

  @Override
  public List<Object> inputs(Request request, int branch) {
    return List.of(
        prompt(request, branch), request.get(MAX_SEQUENCE_LENGTH), sharedInputs(request));
  }

  @Override
  public void encoded() {
    prompts.done();
    vae.done();
  }

  @Override
  public void denoised() {
    transformer.done();
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    long tokens = request.get(MAX_SEQUENCE_LENGTH);
    if (!edits.variant().takesPictures()) {
      return new Condition(Map.of(EMBEDS, numbers.apply(new long[] {1, tokens, prompts.width()})));
    }
    // One square picture of the area that the model works with.
    int edge = (int) Math.sqrt(edits.area());
    Grid grid = grid(edge, edge);
    int seen = edits.variant() == Variant.EDIT ? edits.area() : edits.textArea();
    Map<String, Tensor> tensors =
        new LinkedHashMap<>(
            pictures(
                    numbers.apply(new long[] {1, grid.tokens(), config.inChannels()}),
                    List.of(grid))
                .tensors());
    tensors.put(
        EMBEDS,
        numbers.apply(new long[] {1, tokens + prompts.pictureTokens(seen), prompts.width()}));
    return new Condition(tensors);
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
    return grid(request.height(), request.width());
  }

  private Grid grid(int height, int width) {
    int token = PackedLatents.PATCH * latent.scaleFactor();
    return new Grid(height / token, width / token);
  }

  /** Of the latents, then of the pictures of a condition. */
  private List<Grid> grids(Request request, Condition c) {
    List<Grid> grids = new ArrayList<>(List.of(grid(request)));
    if (c.has(GRIDS)) {
      grids.addAll(Grid.ofFirst(c.get(GRIDS)));
    }
    return grids;
  }

  @Override
  public Object layout(Request request, Condition c) {
    return grids(request, c);
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
      Request request, Tensor latents, Condition c, float[] timesteps, BlockRunner runner) {
    List<Grid> grids = grids(request, c);
    int textTokens = (int) c.get(EMBEDS).size(1);
    try (TensorScope scope = TensorScope.open()) {
      RotaryTable rotary =
          tables.get(List.of(textTokens, grids), () -> transformer.get().rotary(textTokens, grids));
      // The division happens in the latents' dtype, as in the reference.
      Tensor t =
          Tensor.of(timesteps, timesteps.length).to(strategies.device(), latents.dtype()).div(1000);
      QwenImageInputs inputs =
          new QwenImageInputs(
              latents, c.has(PICTURES) ? c.get(PICTURES) : null, c.get(EMBEDS), null, t, rotary);
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
