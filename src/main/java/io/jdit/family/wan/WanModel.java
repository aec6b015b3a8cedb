package io.jdit.family.wan;

import static io.jdit.pipeline.RequestKeys.BOUNDARY_RATIO;
import static io.jdit.pipeline.RequestKeys.FLOW_SHIFT;
import static io.jdit.pipeline.RequestKeys.MAX_SEQUENCE_LENGTH;
import static io.jdit.pipeline.RequestKeys.NEGATIVE_PROMPT;
import static io.jdit.pipeline.RequestKeys.NUM_FRAMES;
import static io.jdit.pipeline.RequestKeys.PROMPT;

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
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.T5Encoder;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.transformer.BlockRunner;
import io.jdit.vae.TileSharing;
import io.jdit.vae.WanAutoencoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A Wan model: UMT5, one or two transformers, the causal autoencoder, UniPC or Euler steps. */
final class WanModel implements Model {
  private static final String EMBEDS = Condition.PROMPT_EMBEDS; // [B, L, text_dim]
  private static final String IMAGE_EMBEDS = "image_embeds"; // [B, I, image_dim]

  /** Encoded picture: channels beside the latents', or the latents' first frame (TI2V). */
  private static final String PICTURE = "condition"; // float32 [B, C, T, h, w]

  private final Parts parts;
  private final Strategies strategies;
  private final WanFolder wan;
  private final T5Encoder.Config umt5;
  private final Part<Tokenizer> tokenizer;
  private final Part<T5Encoder> textEncoder;
  private final VisionTower vision; // null for models that take no embeddings of pictures
  private final Map<String, Part<WanTransformer>> transformers = new LinkedHashMap<>();
  private final Part<WanAutoencoder> vae;
  private final RotaryTables tables;

  WanModel(Parts parts) {
    this.parts = parts;
    this.strategies = parts.strategies();
    ModelFolder folder = parts.folder();
    wan = WanFolder.read(folder);
    umt5 = T5Encoder.Config.readUmt5(folder.config("text_encoder", "UMT5EncoderModel"));
    transformer("transformer");
    if (wan.twoTransformers()) {
      transformer(WanFolder.SECOND);
    }
    textEncoder =
        parts.part(
            "text_encoder",
            "UMT5EncoderModel",
            w -> new T5Encoder(umt5, w, strategies.linears("text_encoder")));
    vision =
        wan.transformer().takesPictureEmbeddings()
            ? new VisionTower(parts, wan.transformer().imageDim())
            : null;
    vae = parts.part("vae", "AutoencoderKLWan", w -> new WanAutoencoder(wan.vae(), w));
    // The class that the index names is rebuilt by newer libraries with another unknown token.
    tokenizer = parts.tokenizer("tokenizer", "TokenizersBackend");
    tables = parts.own(new RotaryTables());
    folder.requireFitting(
        "text_dim of the transformer", wan.transformer().textDim(), umt5.dModel());
  }

  private void transformer(String name) {
    WanConfig config = WanConfig.read(parts.folder().config(name, WanFolder.TRANSFORMER_CLASS));
    transformers.put(
        name,
        parts.part(
            name,
            WanFolder.TRANSFORMER_CLASS,
            w ->
                new WanTransformer(
                    config,
                    w,
                    strategies.linears(name),
                    strategies.attention(),
                    strategies.sequence())));
  }

  @Override
  public List<String> experts() {
    return List.copyOf(transformers.keySet());
  }

  @Override
  public String expert(Request request, float timestep) {
    boolean noisy =
        !wan.twoTransformers() || timestep >= request.get(BOUNDARY_RATIO) * 1000; // of all steps
    return noisy ? "transformer" : WanFolder.SECOND;
  }

  @Override
  public Condition encodeShared(Request request, List<String> notes) {
    List<Picture> pictures = GivenPictures.read(request.values());
    if (pictures.isEmpty()) {
      return Condition.none();
    }
    Picture picture = pictures.get(0);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open()) {
      if (vision != null) {
        tensors.put(IMAGE_EMBEDS, vision.encode(picture, strategies));
      }
      Tensor pixels =
          FirstPicture.pixels(picture, request.width(), request.height())
              .to(strategies.device(), strategies.dtype());
      Tensor video =
          wan.expandTimesteps() ? pixels : FirstPicture.asVideo(pixels, request.get(NUM_FRAMES));
      Tensor z = vae.get().encode(video, tiles(request)).to(DType.FLOAT32);
      z = wan.vae().latents().normalize(z);
      tensors.put(PICTURE, wan.expandTimesteps() ? z : FirstPicture.masked(z));
      return new Condition(tensors).keepIn(scope);
    }
  }

  @Override
  public List<Object> sharedInputs(Request request) {
    List<String> digests = GivenPictures.digests(request.values());
    return digests.isEmpty()
        ? List.of()
        : List.of(digests, request.width(), request.height(), request.get(NUM_FRAMES));
  }

  private TileSharing tiles(Request request) {
    return strategies.tiles(request.height(), request.width());
  }

  @Override
  public Condition encode(Request request, int branch, List<String> notes) {
    String prompt = prompt(request, branch);
    int length = request.get(MAX_SEQUENCE_LENGTH);
    try (TensorScope scope = TensorScope.open()) {
      TokenIds ids = tokenizer.get().encode(PromptCleaning.clean(prompt), length);
      ids.noteIfCut("UMT5", length, notes);
      Tensor embeds = textEncoder.get().forwardUnpadded(ids.ids(), ids.length());
      return new Condition(Map.of(EMBEDS, scope.keep(embeds)));
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
    vae.done();
  }

  @Override
  public void denoised() {
    transformers.values().forEach(Part::done);
  }

  @Override
  public Condition example(Request request, Function<long[], Tensor> numbers) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(
        EMBEDS, numbers.apply(new long[] {1, request.get(MAX_SEQUENCE_LENGTH), umt5.dModel()}));
    if (vision != null) {
      tensors.put(
          IMAGE_EMBEDS,
          numbers.apply(new long[] {1, vision.tokens(), wan.transformer().imageDim()}));
    }
    if (wan.needsPicture()) {
      long[] shape = latentShape(request, 1);
      if (wan.expandTimesteps()) {
        shape[2] = 1;
      } else {
        shape[1] += WanFolder.MASK_CHANNELS;
      }
      tensors.put(PICTURE, numbers.apply(shape));
    }
    return new Condition(tensors);
  }

  @Override
  public Guidance guidance(Request request) {
    return WanGuidance.of(request, wan.twoTransformers());
  }

  @Override
  public Trajectory trajectory(Request request) {
    return wan.scheduler().trajectory(request.steps(), request.get(FLOW_SHIFT));
  }

  private long[] latentShape(Request request, int outputs) {
    int factor = wan.vae().scaleFactor();
    return new long[] {
      outputs,
      wan.vae().zDim(),
      (request.get(NUM_FRAMES) - 1) / wan.vae().timeFactor() + 1,
      request.height() / factor,
      request.width() / factor
    };
  }

  /** float32 whatever the model's dtype, and UniPC leaves it so. */
  @Override
  public Tensor start(Request request, Generator noise) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor drawn = noise.randn(DType.FLOAT32, latentShape(request, request.outputs()));
      return scope.keep(drawn.to(strategies.device()));
    }
  }

  @Override
  public Tensor predict(
      Request request, Tensor latents, Condition c, float[] timesteps, BlockRunner runner) {
    WanTransformer transformer = inUse(expert(request, timesteps[0]));
    try (TensorScope scope = TensorScope.open()) {
      boolean picture = c.has(PICTURE);
      boolean first = picture && wan.expandTimesteps();
      Tensor x = latents;
      if (first) {
        x = FirstPicture.replacing(latents, c.get(PICTURE));
      } else if (picture) {
        x = Tensor.cat(1, latents.to(strategies.dtype()), c.get(PICTURE).to(strategies.dtype()));
      }
      long rows = latents.size(0);
      WanInputs inputs =
          new WanInputs(
              x,
              Tensor.of(timesteps, rows).to(strategies.device()),
              first ? Tensor.zeros(DType.FLOAT32, strategies.device(), rows) : null,
              c.get(EMBEDS),
              c.has(IMAGE_EMBEDS) ? c.get(IMAGE_EMBEDS) : null,
              rotary(transformer, latents));
      return scope.keep(transformer.forward(inputs, runner));
    }
  }

  /** A transformer whose steps are over may go before the next one comes. */
  private WanTransformer inUse(String expert) {
    transformers.forEach(
        (name, part) -> {
          if (!name.equals(expert)) {
            part.done();
          }
        });
    return transformers.get(expert).get();
  }

  private RotaryTable rotary(WanTransformer transformer, Tensor latents) {
    int patch = transformer.config().patch();
    int frames = (int) latents.size(2);
    int rows = (int) latents.size(3) / patch;
    int columns = (int) latents.size(4) / patch;
    return tables.get(
        List.of(frames, rows, columns), () -> transformer.rotary(frames, rows, columns));
  }

  /** A picture that replaced the first frame in every call replaces it in the result too. */
  @Override
  public Tensor finish(Request request, Tensor latents, Condition condition) {
    return condition.has(PICTURE) && wan.expandTimesteps()
        ? FirstPicture.replacing(latents, condition.get(PICTURE))
        : latents;
  }

  @Override
  public void decode(Request request, Tensor latents, Condition condition, FrameSink out) {
    for (int b = 0; b < request.outputs(); b++) {
      int output = b;
      int[] frame = {0};
      try (TensorScope scope = TensorScope.open()) {
        Tensor z = latents.narrow(0, b, 1).to(DType.FLOAT32);
        z = wan.vae().latents().denormalize(z).to(strategies.dtype());
        vae.get().decode(z, tiles(request), x -> out.frame(output, frame[0]++, Frames.toRgb(x)));
      }
    }
    vae.done();
  }

  @Override
  public void close() {
    parts.close();
  }
}
