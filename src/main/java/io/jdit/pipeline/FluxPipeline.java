package io.jdit.pipeline;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.media.Picture;
import io.jdit.metrics.StageReport;
import io.jdit.nn.RotaryTable;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceWorker;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.T5Encoder;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import io.jdit.tokenizer.Tokenizers;
import io.jdit.transformer.GuidanceBranches;
import io.jdit.transformer.flux.FluxConfig;
import io.jdit.transformer.flux.FluxInputs;
import io.jdit.transformer.flux.FluxTransformer;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import io.jdit.vae.TileSharing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** diffusers' FluxPipeline: FLUX.1-dev, FLUX.1-schnell and models of their architecture. */
final class FluxPipeline implements Pipeline {
  private final ModelFolder model;
  private final LoadOptions options;
  private final DeviceWorker worker;
  private final TensorScope weights = TensorScope.unbound();
  private final FluxRequests requests;
  private final Tokenizer tokenizer;
  private final Tokenizer tokenizer2;
  private final ClipTextEncoder textEncoder;
  private final T5Encoder textEncoder2;
  private final FluxTransformer transformer;
  private final KlAutoencoder vae;
  private final FlowMatchEuler scheduler;

  /** Prompt embeddings of both encoders, [B, T, joint] and [B, pooled]. */
  private record PromptEmbeds(Tensor embeds, Tensor pooled) {}

  FluxPipeline(ModelFolder model, LoadOptions options, DeviceWorker worker) {
    this.model = model;
    this.options = options;
    this.worker = worker;
    DType dtype = options.dtype();
    Device device = options.device();
    try {
      requests = FluxRequests.of(model);
      scheduler =
          new FlowMatchEuler(
              FlowMatchEuler.Config.read(
                  ModelConfig.read(
                      model
                          .component("scheduler", "FlowMatchEulerDiscreteScheduler")
                          .resolve("scheduler_config.json"))));
      transformer =
          model.build(
              model.component("transformer", "FluxTransformer2DModel"),
              dtype,
              device,
              weights,
              (c, w) ->
                  new FluxTransformer(
                      FluxConfig.read(c),
                      w,
                      options.linears(),
                      options.attention(),
                      options.distribution().sequence()));
      textEncoder =
          model.build(
              model.component("text_encoder", "CLIPTextModel"),
              dtype,
              device,
              weights,
              (c, w) -> {
                // Its heads often do not divide where T5's do.
                ClipTextEncoder.Config clip = ClipTextEncoder.Config.read(c);
                return new ClipTextEncoder(
                    clip,
                    w,
                    options.distribution().textLinears().sharingHeads(clip.numAttentionHeads()));
              });
      textEncoder2 =
          model.build(
              model.component("text_encoder_2", "T5EncoderModel"),
              dtype,
              device,
              weights,
              (c, w) ->
                  new T5Encoder(T5Encoder.Config.read(c), w, options.distribution().textLinears()));
      vae =
          model.build(
              model.component("vae", "AutoencoderKL"),
              dtype,
              device,
              weights,
              (c, w) -> new KlAutoencoder(KlConfig.read(c), w));
      requireMatchingParts();
      tokenizer = tokenizer("tokenizer");
      tokenizer2 = tokenizer("tokenizer_2");
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  private Tokenizer tokenizer(String name) {
    String className = model.components().get(name);
    if (className == null) {
      throw new ModelFormatException(
          "model_index.json of " + model.path() + " lacks the component " + name);
    }
    return Tokenizers.load(model.component(name, className), className);
  }

  private void requireMatchingParts() {
    FluxConfig t = transformer.config();
    requireEqual(
        "joint_attention_dim",
        t.jointAttentionDim(),
        "d_model of text_encoder_2",
        textEncoder2.config().dModel());
    requireEqual(
        "pooled_projection_dim",
        t.pooledProjectionDim(),
        "hidden_size of text_encoder",
        textEncoder.config().hiddenSize());
    requireEqual(
        "in_channels",
        t.inChannels(),
        "4 x latent_channels of vae",
        4 * vae.config().latentChannels());
    requireEqual("out_channels", t.outChannels(), "in_channels", t.inChannels());
  }

  private void requireEqual(String key, int value, String otherKey, int other) {
    if (value != other) {
      throw new ModelFormatException(
          "transformer of "
              + model.path()
              + ": "
              + key
              + " "
              + value
              + " does not fit "
              + otherKey
              + " "
              + other);
    }
  }

  @Override
  public String className() {
    return model.className();
  }

  @Override
  public GenerationSettings resolve(GenerationRequest request) {
    return requests.resolve(request);
  }

  @Override
  public GenerationResult generate(GenerationRequest request, Progress progress) {
    GenerationSettings settings = resolve(request);
    try {
      return worker.call(() -> run(request, settings, progress));
    } catch (RuntimeException e) {
      throw OutOfMemoryException.translate(
          e,
          settings.images()
              + " x "
              + settings.width()
              + " x "
              + settings.height()
              + " pixels on "
              + options.device(),
          "use a smaller size, --dtype bfloat16, --vae-tiling or more ranks");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private GenerationResult run(GenerationRequest request, GenerationSettings s, Progress progress)
      throws Exception {
    StageReport report = new StageReport();
    List<String> warnings = new ArrayList<>();
    boolean guided = s.negativePrompt() != null;
    try (TensorScope scope = TensorScope.open()) {
      progress.stage("text_encode");
      PromptEmbeds[] prompts =
          report.measure(
              "text_encode",
              () -> {
                PromptEmbeds positive = encode(s.prompt(), request.prompt2(), s, warnings);
                return guided
                    ? new PromptEmbeds[] {
                      positive, encode(s.negativePrompt(), request.negativePrompt2(), s, warnings)
                    }
                    : new PromptEmbeds[] {positive};
              });
      progress.stage("denoise");
      Tensor latents = report.measure("denoise", () -> denoise(s, prompts, report, progress));
      progress.stage("decode");
      List<Picture> images = report.measure("decode", () -> decode(latents, s));
      Tensor result = scope.keep(latents.to(Device.CPU, DType.FLOAT32));
      return new GenerationResult(s, images, result, report, List.copyOf(warnings));
    }
  }

  private PromptEmbeds encode(
      String prompt, String prompt2, GenerationSettings s, List<String> warnings) {
    try (TensorScope scope = TensorScope.open()) {
      TokenIds clip = tokenizer.encode(prompt, textEncoder.config().maxPositionEmbeddings());
      TokenIds t5 = tokenizer2.encode(prompt2 != null ? prompt2 : prompt, s.maxSequenceLength());
      warnIfCut("CLIP", clip, textEncoder.config().maxPositionEmbeddings(), warnings);
      warnIfCut("T5", t5, s.maxSequenceLength(), warnings);
      Tensor pooled = textEncoder.pooled(new long[][] {clip.ids()});
      Tensor embeds = textEncoder2.forward(new long[][] {t5.ids()});
      return new PromptEmbeds(
          scope.keep(embeds.repeatInterleave(s.images(), 0)),
          scope.keep(pooled.repeatInterleave(s.images(), 0)));
    }
  }

  private static void warnIfCut(String name, TokenIds ids, int limit, List<String> warnings) {
    if (ids.truncated()) {
      warnings.add(
          "the prompt is longer than "
              + limit
              + " "
              + name
              + " tokens, this part was cut: '"
              + ids.overflow().strip()
              + "'");
    }
  }

  private Tensor denoise(
      GenerationSettings s, PromptEmbeds[] prompts, StageReport report, Progress progress) {
    int gridHeight = s.height() / (2 * vae.config().scaleFactor());
    int gridWidth = s.width() / (2 * vae.config().scaleFactor());
    int steps = s.numInferenceSteps();
    FlowMatchEuler.Schedule schedule =
        scheduler.schedule(steps, scheduler.mu(gridHeight * gridWidth));
    try (TensorScope scope = TensorScope.open();
        RotaryTable rotary =
            transformer.rotary((int) prompts[0].embeds.size(1), gridHeight, gridWidth)) {
      Tensor guidance =
          transformer.config().guidanceEmbeds()
              ? Tensor.full(s.guidanceScale(), DType.FLOAT32, options.device(), s.images())
              : null;
      Tensor latents = TensorScope.detach(noise(s, gridHeight, gridWidth));
      GuidanceBranches guidanceBranches = options.distribution().guidance();
      options.runner().beginGeneration(steps, guidanceBranches.callsHere(prompts.length));
      try {
        for (int i = 0; i < steps; i++) {
          if (Thread.interrupted()) {
            throw new GenerationCancelledException();
          }
          long start = System.nanoTime();
          Tensor next;
          try (TensorScope step = TensorScope.open()) {
            Tensor v =
                velocity(
                    latents, schedule.timesteps()[i], prompts, guidance, rotary, s.trueCfgScale());
            next = TensorScope.detach(scheduler.step(schedule, i, latents, v));
          }
          latents.close();
          latents = next;
          report.addStep((System.nanoTime() - start) / 1e6);
          progress.step(i + 1, steps);
        }
        return scope.keep(latents.alias());
      } finally {
        latents.close();
        options.runner().endGeneration();
      }
    }
  }

  private Tensor noise(GenerationSettings s, int gridHeight, int gridWidth) {
    int channels = transformer.config().inChannels() / 4;
    try (TensorScope scope = TensorScope.open();
        Generator generator = new Generator(s.seed())) {
      Tensor nchw =
          generator.randn(options.dtype(), s.images(), channels, 2L * gridHeight, 2L * gridWidth);
      return scope.keep(PackedLatents.pack(nchw).to(options.device()));
    }
  }

  /** The transformer's output; with two prompts n + scale (p - n), the positive call first. */
  private Tensor velocity(
      Tensor latents,
      float timestep,
      PromptEmbeds[] prompts,
      Tensor guidance,
      RotaryTable rotary,
      double scale) {
    // The division happens in the latents' dtype, as in the reference.
    Tensor t =
        Tensor.full(timestep, DType.FLOAT32, options.device(), latents.size(0))
            .to(latents.dtype())
            .div(1000);
    Tensor[] v =
        options
            .distribution()
            .guidance()
            .run(
                prompts.length,
                p ->
                    transformer.forward(
                        new FluxInputs(
                            latents, prompts[p].embeds, prompts[p].pooled, t, guidance, rotary),
                        options.runner()));
    return v.length == 1 ? v[0] : v[1].add(v[0].sub(v[1]).mul(scale));
  }

  private List<Picture> decode(Tensor latents, GenerationSettings s) {
    KlConfig c = vae.config();
    int latentHeight = s.height() / c.scaleFactor();
    int latentWidth = s.width() / c.scaleFactor();
    TileSharing sharing = options.distribution().tiles();
    boolean tiled =
        options.vaeTiling() != null
            ? options.vaeTiling()
            : sharing != null || (long) s.height() * s.width() > LoadOptions.TILING_PIXELS;
    List<Picture> images = new ArrayList<>();
    for (int b = 0; b < s.images(); b++) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor z = PackedLatents.unpack(latents.narrow(0, b, 1), latentHeight / 2, latentWidth / 2);
        z = z.div(c.scalingFactor()).add(c.shiftFactor());
        Tensor x =
            tiled
                ? vae.decodeTiled(z, sharing == null ? TileSharing.here() : sharing)
                : vae.decode(z);
        images.add(Images.toRgb(x));
      }
    }
    return images;
  }

  @Override
  public void close() {
    try {
      worker.call(
          () -> {
            options.runner().close();
            weights.close();
            return null;
          });
    } catch (Exception e) {
      throw new IllegalStateException(e);
    } finally {
      worker.close();
      tokenizer.close();
      tokenizer2.close();
    }
  }

  @Override
  public String toString() {
    return className()
        + " "
        + model.path()
        + " "
        + options.dtype().text()
        + " on "
        + options.device()
        + " "
        + Arrays.toString(model.components().keySet().toArray());
  }
}
