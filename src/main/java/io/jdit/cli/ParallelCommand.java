package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.engine.MemoryPlan;
import io.jdit.engine.ModelCost;
import io.jdit.engine.RankSession;
import io.jdit.parallel.LayoutPlan;
import io.jdit.parallel.LayoutSettings;
import io.jdit.parallel.Mesh;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.PlanReport;
import io.jdit.parallel.PlanRequest;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
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
    versionProvider = VersionProvider.class,
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
      versionProvider = VersionProvider.class,
      sortOptions = false,
      description =
          "Prints what each rank of a layout holds and sends, and compares the valid layouts by estimated step time; needs"
              + " a model's config.json files only, no GPU and no weights.")
  static final class Plan implements Callable<Integer> {
    @Mixin private ModelOptions model;
    @Mixin private RequestOptions request;
    @Mixin private QuantizeOptions quantization;
    @Mixin private OffloadOptions offload;
    @Mixin private ParallelOptions parallel;

    @Option(
        names = "--cache-dit-config",
        paramLabel = "FILE",
        description = "File with a parallelism_config, quantize_config or offload_config.")
    private Path config;

    @Option(names = "--true-cfg", description = "Two transformer calls per step.")
    private boolean trueCfg;

    @Option(
        names = "--cached-tensors",
        defaultValue = "2",
        description =
            "Tensors of all tokens that the cache keeps of each block group. Default: ${DEFAULT-VALUE}.")
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
      int ranks = parallel.numGpus();
      if (ranks > PlanReport.LARGEST) {
        throw new IllegalArgumentException(
            "--num-gpus must be <= " + PlanReport.LARGEST + ", got " + ranks);
      }
      Path folder = model.locate(terminal);
      ModelCost cost = ModelCost.of(folder, request.given());
      DType dtype = model.dtype == null ? DType.BFLOAT16 : DType.parse(model.dtype);
      SettingsFile file = config == null ? null : SettingsFile.read(config);
      MemoryPlan memory =
          new MemoryPlan(
              folder,
              Strategies.cpu()
                  .withDtype(dtype)
                  .withVaeTiling(model.vaeTiling)
                  .withFormats(quantization.formats(file))
                  .withPlacement(offload.placement(file)),
              cost);
      PlanRequest plan =
          new PlanRequest(
              cost.transformer(),
              cost.request().outputs(),
              trueCfg || cost.request().get(RequestKeys.NEGATIVE_PROMPT) != null ? 2 : 1,
              dtype,
              cachedTensors,
              teraflops,
              gigabytesPerSecond,
              memory.savedBytes());
      Values settings = parallel.settings(file);
      ParallelConfig chosen =
          RankSession.config(
              settings, ranks, cost.transformer().heads(), l -> terminal.info("%s", l));
      ParallelConfig options = ParallelConfig.of(Mesh.single()).withModules(chosen.modules());
      List<LayoutPlan> layouts = PlanReport.layouts(ranks, plan, options);
      LayoutPlan layout;
      try {
        layout = LayoutPlan.of(chosen, plan);
      } catch (IllegalArgumentException e) {
        if (new LayoutSettings(settings).givesLayout()) {
          throw e;
        }
        terminal.info("%s; the fastest layout that fits:", e.getMessage());
        layout = layouts.get(0);
      }
      out.print(PlanReport.detail(layout, otherWeights(memory, layout.config())));
      out.println();
      out.print(PlanReport.table(layouts));
      out.println();
      out.print(memory.table());
      out.flush();
      return ExitCode.OK;
    }

    /** Bytes on each rank of what is not the transformer. */
    private static Map<String, Long> otherWeights(MemoryPlan memory, ParallelConfig layout) {
      Map<String, Long> bytes = new LinkedHashMap<>();
      memory
          .weights()
          .forEach(
              (component, whole) -> {
                if (!component.startsWith("transformer")) {
                  bytes.put(component, whole / layout.holders(component));
                }
              });
      return bytes;
    }
  }
}
