package io.jdit.cli;

import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.config.SettingsFile;
import io.jdit.nn.LinearFactory;
import io.jdit.parallel.LayoutPlan;
import io.jdit.parallel.Mesh;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.ParallelSettings;
import io.jdit.parallel.PlanReport;
import io.jdit.parallel.PlanRequest;
import io.jdit.parallel.TransformerShape;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.T5Encoder;
import io.jdit.transformer.flux.FluxConfig;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jdit parallel}: layouts without a run. */
@Command(
    name = "parallel",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Plans layouts over several GPUs.",
    subcommands = ParallelCommand.Plan.class)
final class ParallelCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing: plan");
  }

  /** {@code jdit parallel plan}. */
  @Command(
      name = "plan",
      mixinStandardHelpOptions = true,
      versionProvider = Version.class,
      sortOptions = false,
      description =
          "Prints what each rank of a layout holds and sends, and compares the valid layouts by estimated step time; needs"
              + " a model's config.json files only, no GPU and no weights.")
  static final class Plan implements Callable<Integer> {
    @Mixin private ModelOptions model;
    @Mixin private ParallelOptions parallel;

    @Option(
        names = "--cache-dit-config",
        paramLabel = "FILE",
        description = "File with a parallelism_config.")
    private Path config;

    @Option(names = "--height", defaultValue = "1024", description = "Default: ${DEFAULT-VALUE}.")
    private int height;

    @Option(names = "--width", defaultValue = "1024", description = "Default: ${DEFAULT-VALUE}.")
    private int width;

    @Option(
        names = "--max-sequence-length",
        defaultValue = "512",
        description = "Text tokens. Default: ${DEFAULT-VALUE}.")
    private int textTokens;

    @Option(
        names = "--num-outputs-per-prompt",
        defaultValue = "1",
        description = "Pictures at once. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--true-cfg", description = "Two transformer calls per step.")
    private boolean trueCfg;

    @Option(
        names = "--cached-tensors",
        defaultValue = "2",
        description = "Tensors of all tokens that the cache keeps. Default: ${DEFAULT-VALUE}.")
    private int cachedTensors;

    @Option(
        names = "--device-tflops",
        defaultValue = "790",
        description =
            "Matrix products of one device. Default: ${DEFAULT-VALUE}, an H200 in bfloat16.")
    private double teraflops;

    @Option(
        names = "--link-gbs",
        defaultValue = "450",
        description =
            "GB/s that a rank sends. Default: ${DEFAULT-VALUE}, NVLink; PCIe has about 25.")
    private double gigabytesPerSecond;

    @Option(names = "--verbose", description = "Print stack traces of errors.")
    private boolean verbose;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() {
      PrintWriter out = spec.commandLine().getOut();
      Terminal terminal = Terminal.of(out, spec.commandLine().getErr(), false, System.getenv());
      Path folder = model.locate(terminal);
      FluxConfig flux =
          FluxConfig.read(ModelConfig.read(folder.resolve("transformer").resolve("config.json")));
      int patch =
          2
              * KlConfig.read(ModelConfig.read(folder.resolve("vae").resolve("config.json")))
                  .scaleFactor();
      if (height % patch != 0 || width % patch != 0) {
        throw new IllegalArgumentException("--height and --width must be multiples of " + patch);
      }
      TransformerShape shape =
          TransformerShape.flux(
              flux.numLayers(),
              flux.numSingleLayers(),
              flux.numAttentionHeads(),
              flux.attentionHeadDim(),
              flux.inChannels(),
              flux.jointAttentionDim(),
              flux.pooledProjectionDim(),
              flux.guidanceEmbeds());
      PlanRequest request =
          new PlanRequest(
              shape,
              textTokens,
              (long) (height / patch) * (width / patch),
              batch,
              trueCfg ? 2 : 1,
              model.dtype == null ? DType.BFLOAT16 : DType.parse(model.dtype),
              cachedTensors,
              teraflops,
              gigabytesPerSecond);
      if (parallel.numGpus > PlanReport.LARGEST) {
        throw new IllegalArgumentException(
            "--num-gpus must be <= " + PlanReport.LARGEST + ", got " + parallel.numGpus);
      }
      ParallelSettings settings =
          parallel.settings(config == null ? null : SettingsFile.read(config));
      ParallelConfig chosen =
          RankSession.config(settings, parallel.numGpus, flux.numAttentionHeads(), terminal);
      ParallelConfig options = ParallelConfig.of(Mesh.single()).withModules(chosen.modules());
      List<LayoutPlan> plans = PlanReport.layouts(parallel.numGpus, request, options);
      LayoutPlan plan;
      try {
        plan = LayoutPlan.of(chosen, request);
      } catch (IllegalArgumentException e) {
        if (settings.givesLayout()) {
          throw e;
        }
        terminal.info("%s; the fastest layout that fits:", e.getMessage());
        plan = plans.get(0);
      }
      out.print(PlanReport.detail(plan, otherWeights(folder, chosen, request.dtype())));
      out.println();
      out.print(PlanReport.table(plans));
      out.flush();
      return ExitCode.OK;
    }

    /** Bytes of what is not the transformer; T5 is split where the text encoders are. */
    private static Map<String, Long> otherWeights(Path folder, ParallelConfig config, DType dtype) {
      LinearFactory dense = LinearFactory.dense();
      long clip =
          weights(
              folder,
              "text_encoder",
              (c, w) -> new ClipTextEncoder(ClipTextEncoder.Config.read(c), w, dense));
      long t5 =
          weights(
              folder,
              "text_encoder_2",
              (c, w) -> new T5Encoder(T5Encoder.Config.read(c), w, dense));
      long vae = weights(folder, "vae", (c, w) -> new KlAutoencoder(KlConfig.read(c), w));
      Map<String, Long> bytes = new LinkedHashMap<>();
      bytes.put(
          "text encoders",
          dtype.bytes() * (clip + t5 / ParallelLoading.shares(config).textEncoders()));
      bytes.put("vae", dtype.bytes() * vae);
      return bytes;
    }

    private static long weights(
        Path folder, String part, BiFunction<ModelConfig, Weights, Object> constructor) {
      ModelConfig config = ModelConfig.read(folder.resolve(part).resolve("config.json"));
      try (TensorScope scope = TensorScope.open();
          MetaWeights weights = new MetaWeights()) {
        constructor.apply(config, new Weights(weights, DType.BFLOAT16, Device.META, scope));
        return weights.elements();
      }
    }
  }
}
