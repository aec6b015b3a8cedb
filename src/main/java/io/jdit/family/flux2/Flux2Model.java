package io.jdit.family.flux2;

import static io.jdit.pipeline.RequestKeys.GUIDANCE_SCALE;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;

import io.jdit.checkpoint.ModelConfig;
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
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.KlConfig;
import io.jdit.vae.TileSharing;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A FLUX.2 model: Mistral 3 or Qwen3, the transformer, AutoencoderKLFlux2, flow matching by Euler
 * steps. Latents are tokens of 2 x 2 latent pixels from the first noise on.
 */
final class Flux2Model implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, T, joint_attention_dim]
  private static final String GUIDANCE = "guidance"; // float32 [B]
  private static final String PICTURES = "image_latents"; // [B, R, in_channels], normalised
  private static final String GRIDS = "image_grids"; // int64 [B, pictures, 2] on the CPU

  private final Parts parts;
  private final Strategies strategies;
  private final Variant variant;
  private final FlowMatchEuler scheduler;
  private final Flux2Config config;
  private final int token; // pixels of a token in each direction
  private final Part<Flux2Transformer> transformer;
  private final PromptEncoder prompts;
  private final Part<Flux2Autoencoder> vae;
  private final RotaryTables tables;

  Flux2Model(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    variant = Variant.of(folder);
    scheduler =
        new FlowMatchEuler(
            FlowMatchEuler.Config.read(
                folder.config("scheduler", "FlowMatchEulerDiscreteScheduler")));
    config = Flux2Config.read(folder.config("transformer", "Flux2Transformer2DModel"));
    ModelConfig vaeJson = folder.config("vae", "AutoencoderKLFlux2");
    KlConfig latent = KlConfig.read(vaeJson);
    token = PackedLatents.PATCH * latent.scaleFactor();
    transformer =
        parts.part(
            "transformer",
            "Flux2Transformer2DModel",
            w ->
                new Flux2Transformer(
                    config,
                    w,
                    strategies.linears("transformer"),
                    strategies.attention(),
                    strategies.sequence()));
    prompts = new PromptEncoder(parts, variant);
    vae = parts.part("vae", "AutoencoderKLFlux2", w -> new Flux2Autoencoder(vaeJson, w));
    tables = parts.own(new RotaryTables());
    folder.requireFitting(
        "joint_attention_dim of the transformer", config.jointAttentionDim(), prompts.width());
    folder.requireFitting(
        "in_channels of the transformer", config.inChannels(), Flux2Autoencoder.features(latent));
    folder.requireFitting(
        "out_channels of the transformer", config.outChannels(), config.inChannels());
  }

  @Override
  public Condition encodeShared(Request request, List<String> notes) {
    List<Picture> pictures = ReferencePictures.read(request.values(), token);
    if (pictures.isEmpty()) {
      return Condition.none();
    }
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> encoded = new ArrayList<>();
      for (Picture p : pictures) {
        Tensor pixels = GivenPictures.pixels(p).to(strategies.device(), strategies.dtype());
        encoded.add(vae.get().encode(pixels, strategies.tiles(p.height(), p.width())));
      }
      return pictures(Tensor.cat(1, encoded.toArray(Tensor[]::new)), grids(pictures)).keepIn(scope);
    }
  }

  @Override
  public List<Object> sharedInputs(Request request) {
    return List.of(GivenPictures.digests(request.values()));
  }

  private static Condition pictures(Tensor encoded, List<Grid> grids) {
    return new Condition(Map.of(PICTURES, encoded, GRIDS, Grid.toTensor(grids)));
  }

  private List<Grid> grids(List<Picture> pictures) {
    return pictures.stream().map(p -> grid(p.height(), p.width())).toList();
  }

  private Grid grid(int height, int width) {
    return new Grid(height / token, width / token);
  }

  private Grid grid(Request request) {
    return grid(request.height(), request.width());
  }

  /** The negative prompt is always empty, as in the reference. */
  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    int limit = request.get(MAX_SEQUENCE_LENGTH);
    return condition(request, prompts.encode(prompt(request, branch), limit, notes));
  }

  private static String prompt(Request request, int branch) {
    return branch == 0 ? request.prompt() : "";
  }

  @Override
  public List<Object> inputs(Request request, int branch) {
    return List.of(
        prompt(request, branch), request.get(MAX_SEQUENCE_LENGTH), request.get(GUIDANCE_SCALE));
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
    long[] shape = {1, request.get(MAX_SEQUENCE_LENGTH), prompts.width()};
    Map<String, Tensor> tensors =
        new LinkedHashMap<>(condition(request, numbers.apply(shape)).tensors());
    List<Grid> grids = grids(ReferencePictures.read(request.values(), token));
    if (!grids.isEmpty()) {
      long tokens = grids.stream().mapToLong(Grid::tokens).sum();
      Tensor encoded = numbers.apply(new long[] {1, tokens, config.inChannels()});
      tensors.putAll(pictures(encoded, grids).tensors());
    }
    return new Condition(tensors);
  }

  private Condition condition(Request request, Tensor embeds) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(EMBEDS, embeds);
    if (variant == Variant.DEV && config.guidanceEmbeds()) {
      tensors.put(
          GUIDANCE,
          Tensor.full(request.get(GUIDANCE_SCALE), DType.FLOAT32, strategies.device(), 1));
    }
    return new Condition(tensors);
  }

  @Override
  public Guidance guidance(Request request) {
    double scale = request.get(GUIDANCE_SCALE);
    return variant == Variant.KLEIN && scale > 1 ? Guidance.classifierFree(scale) : Guidance.none();
  }

  @Override
  public Trajectory trajectory(Request request) {
    return scheduler.trajectory(request.steps(), mu(grid(request).tokens(), request.steps()));
  }

  /**
   * Shift exponent by measurements of its authors: linear in the tokens of the picture for 10 and
   * for 200 steps, and in the steps between them; that of 200 steps for many tokens
   * (compute_empirical_mu of the FLUX.2 pipelines). Reference pictures do not count.
   */
  static double mu(int tokens, int steps) {
    double at200 = 0.00016927 * tokens + 0.45666666;
    if (tokens > 4300) {
      return at200;
    }
    double at10 = 8.73809524e-05 * tokens + 1.89833333;
    double slope = (at200 - at10) / 190;
    return slope * steps + (at200 - 200 * slope);
  }

  @Override
  public Tensor start(Request request, Generator noise) {
    Grid grid = grid(request);
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn =
          noise.randn(
              strategies.dtype(),
              request.outputs(),
              config.inChannels(),
              grid.height(),
              grid.width());
      return scope.keep(drawn.flatten(2, 3).transpose(1, 2).contiguous().to(strategies.device()));
    }
  }

  /** Of the output and of the reference pictures. */
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
      Flux2Inputs inputs =
          new Flux2Inputs(
              latents,
              c.has(PICTURES) ? c.get(PICTURES) : null,
              c.get(EMBEDS),
              t,
              c.has(GUIDANCE) ? c.get(GUIDANCE) : null,
              rotary);
      return scope.keep(transformer.get().forward(inputs, runner));
    }
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    TileSharing tiles = strategies.tiles(request.height(), request.width());
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      try (TensorScope scope = TensorScope.open()) {
        vae.get()
            .decode(
                latents.narrow(0, b, 1),
                grid(request),
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
