package io.jdit.cli;

import io.jdit.cache.CacheFlags;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.engine.CachedSamples;
import io.jdit.engine.Engine;
import io.jdit.engine.StepTrace;
import io.jdit.media.AtomicFile;
import io.jdit.pipeline.RequestKeys;
import io.jdit.report.Comparison;
import io.jdit.report.ComparisonPage;
import io.jdit.report.Sample;
import io.jdit.report.StepTable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit compare}: cache configurations against the uncached picture. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    sortOptions = false,
    description =
        "Runs prompts uncached and with each cache configuration; prints speed-up, PSNR and SSIM.")
final class CompareCommand implements Callable<Integer> {
  @Option(
      names = "--configs",
      split = ",",
      required = true,
      paramLabel = "FILE[,FILE...]",
      hideParamSyntax = true, // the label says it
      description = "Cache configurations as cache-dit's YAML or JSON.")
  private List<Path> configs;

  @Mixin private SamplingOptions sampling;
  @Mixin private ModelOptions model;

  @Option(
      names = "--report",
      paramLabel = "FILE.html",
      description = "Write one page with the pictures and their differences.")
  private Path report;

  @Option(
      names = "--samples",
      paramLabel = "FILE.csv",
      description =
          "Write a line for every picture and configuration: quality, times, cached steps.")
  private Path sampleFile;

  @Option(
      names = "--steps",
      description =
          "Also print, for every picture, the RMS difference of the latents to the uncached ones"
              + " after each step.")
  private boolean steps;

  @Option(names = "--quiet", description = "Print the table only.")
  private boolean quiet;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(), spec.commandLine().getErr(), quiet, System.getenv());
    List<ResolvedCacheConfig> resolved = new ArrayList<>();
    for (Path config : configs) {
      resolved.add(
          ResolvedCacheConfig.resolve(SettingsFile.read(config), Map.of(), CacheFlags.none()));
    }
    List<Values> requests = sampling.requests();
    List<Comparison> comparisons = new ArrayList<>();
    List<Sample> references = new ArrayList<>();
    List<List<StepTable.Column>> columns = new ArrayList<>();
    try (Engine engine =
        Engine.load(model.locate(terminal), model.strategies(), model.threads(), Values.none())) {
      CachedSamples samples = new CachedSamples(engine, requests, new TerminalConsole(terminal));
      // A picture with all configurations at once: on a machine with other work times drift.
      for (Path config : configs) {
        comparisons.add(
            new Comparison(config.getFileName().toString(), references, new ArrayList<>()));
      }
      for (int i = 0; i < requests.size(); i++) {
        references.add(samples.uncached(i));
        for (int c = 0; c < resolved.size(); c++) {
          comparisons.get(c).runs().add(samples.generate(i, resolved.get(c)));
        }
        if (steps) {
          columns.add(columns(samples, i, resolved));
        }
      }
    }
    List<String> titles =
        requests.stream()
            .map(r -> r.get(RequestKeys.PROMPT) + ", seed " + r.get(RequestKeys.SEED))
            .toList();
    terminal.out().print(Comparison.table(comparisons));
    for (int i = 0; i < columns.size(); i++) {
      terminal.out().print(StepTable.render(titles.get(i), columns.get(i)));
    }
    terminal.out().flush();
    if (sampleFile != null) {
      AtomicFile.write(
          sampleFile, Comparison.csv(titles, comparisons).getBytes(StandardCharsets.UTF_8));
    }
    if (report != null) {
      String page = ComparisonPage.render(titles, references, comparisons);
      AtomicFile.write(report, page.getBytes(StandardCharsets.UTF_8));
      terminal.out().println(report);
    }
    return ExitCode.OK;
  }

  private List<StepTable.Column> columns(
      CachedSamples samples, int index, List<ResolvedCacheConfig> resolved) {
    StepTrace reference = samples.trace(index, null);
    List<StepTable.Column> columns = new ArrayList<>();
    for (int c = 0; c < resolved.size(); c++) {
      columns.add(
          samples
              .trace(index, resolved.get(c))
              .column(configs.get(c).getFileName().toString(), reference));
    }
    return columns;
  }
}
