package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.media.AtomicFile;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.metrics.Psnr;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.parallel.ParallelSection;
import io.jdit.parallel.SameJvm;
import io.jdit.quant.QuantizeSection;
import io.jdit.report.BenchComparison;
import io.jdit.report.BenchComparison.Configuration;
import io.jdit.report.BenchComparison.Run;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code jdit bench} with several settings files. Each is measured in a process of its own, whose
 * memory is then its own, and the processes take turns, since the load of a machine drifts.
 */
final class ConfigurationBench {
  /** With the value after them; none of them is for the processes that measure. */
  private static final List<String> OWN_OPTIONS =
      List.of("--configs", "--config", "--rounds", "--json", "--report");

  @Option(
      names = {"--configs", "--config"},
      split = ",",
      paramLabel = "FILE[,FILE...]",
      hideParamSyntax = true, // the label says it
      description =
          "Compare settings files (cache, attention, quantization, layout), the first with the others; each runs in"
              + " processes of its own, in turn. Pictures have one seed.")
  List<Path> configs = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "With --configs: processes of each file. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--json",
      paramLabel = "FILE.json",
      description = "With --configs: write every round as JSON.")
  private Path json;

  @Option(
      names = "--report",
      paramLabel = "FILE.html",
      description = "With --configs: write a page with the table and charts.")
  private Path report;

  @Spec private CommandSpec spec;

  /** Checks what can be checked before the first process. */
  void check() {
    if (configs.isEmpty()) {
      if (json != null || report != null) {
        throw new IllegalArgumentException("--json and --report need --configs FILE,FILE");
      }
      return;
    }
    if (rounds < 1) {
      throw new IllegalArgumentException("--rounds must be >= 1, got " + rounds);
    }
    OutputOptions.requireWritableParent("--json", json);
    OutputOptions.requireWritableParent("--report", report);
    configs.forEach(ConfigurationBench::check);
  }

  /** A mistake in the last file is found before the first is measured. */
  private static void check(Path config) {
    SettingsFile file = SettingsFile.read(config);
    ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    QuantizeSection.read(file, Values.none());
    OffloadSettings.of(OffloadKeys.read(file, Values.none()));
    ParallelSection.read(
        file.section(SettingsFile.PARALLELISM), file.place(SettingsFile.PARALLELISM));
    if (file.attentionBackend() != null) {
      new AttentionBackend(file.attentionBackend(), file.place(SettingsFile.ATTENTION));
    }
  }

  int run(Terminal terminal) throws Exception {
    Path work = Files.createTempDirectory("jdit-bench");
    try {
      List<List<Run>> runs = new ArrayList<>();
      configs.forEach(c -> runs.add(new ArrayList<>()));
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < configs.size(); i++) {
          terminal.info("round %d of %d: %s", round + 1, rounds, configs.get(i));
          runs.get(i).add(measure(configs.get(i), picture(work, i)));
        }
      }
      boolean drawn = Files.exists(picture(work, 0));
      List<Configuration> configurations = new ArrayList<>();
      for (int i = 0; i < configs.size(); i++) {
        double psnr = drawn && i > 0 ? psnr(picture(work, 0), picture(work, i)) : Double.NaN;
        configurations.add(new Configuration(name(i), runs.get(i), psnr));
      }
      write(new BenchComparison(drawn ? "generation" : "step", configurations), terminal);
      return ExitCode.OK;
    } finally {
      for (int i = 0; i < configs.size(); i++) {
        Files.deleteIfExists(picture(work, i));
      }
      Files.delete(work);
    }
  }

  private static Path picture(Path work, int config) {
    return work.resolve(config + ".png");
  }

  private String name(int i) {
    Path name = configs.get(i).getFileName();
    boolean unique = configs.stream().filter(c -> c.getFileName().equals(name)).count() == 1;
    return (unique ? name : configs.get(i)).toString();
  }

  private static double psnr(Path reference, Path other) throws IOException {
    Picture a = PictureReader.read(reference);
    Picture b = PictureReader.read(other);
    return Psnr.of(a.rgb(), b.rgb());
  }

  private Run measure(Path config, Path picture) throws IOException, InterruptedException {
    List<String> arguments = withoutOwn(spec.root().commandLine().getParseResult().originalArgs());
    arguments.addAll(
        List.of("--cache-dit-config", config.toString(), "--picture", picture.toString()));
    Process process =
        new ProcessBuilder(SameJvm.command(Main.class.getName(), arguments))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String out;
    try {
      out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IllegalStateException(
            config + " could not be measured: exit code " + process.exitValue() + ", see above");
      }
    } finally {
      process.destroy();
    }
    JsonNode found =
        JsonMapper.shared()
            .readTree(out.lines().filter(l -> l.startsWith("{")).findFirst().orElseThrow());
    JsonNode total = found.path("total_ms");
    return new Run(
        total.isMissingNode()
            ? found.path("mean_step_ms").asDouble()
            : total.path("median").asDouble(),
        found.at("/step_ms/median").asDouble(),
        found.at("/cached_step_ms/median").asDouble(Double.NaN),
        found.path("peak_memory_mb").asDouble());
  }

  /** The command line without the options of this group. */
  static List<String> withoutOwn(List<String> arguments) {
    List<String> others = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      String argument = arguments.get(i);
      if (OWN_OPTIONS.contains(argument)) {
        i++;
      } else if (OWN_OPTIONS.stream().noneMatch(o -> argument.startsWith(o + "="))) {
        others.add(argument);
      }
    }
    return others;
  }

  private void write(BenchComparison comparison, Terminal terminal) throws IOException {
    terminal.out().print(comparison.table());
    terminal.out().print(comparison.chart());
    terminal.out().flush();
    List<String> command = spec.root().commandLine().getParseResult().originalArgs();
    if (json != null) {
      byte[] bytes =
          JsonMapper.shared()
              .writeValueAsBytes(Map.of("command", command, "configurations", comparison.toList()));
      AtomicFile.write(json, bytes);
    }
    if (report != null) {
      String page =
          comparison.page(
              "Configurations side by side",
              List.of(
                  "jdit " + String.join(" ", command),
                  rounds + " rounds; medians, of ratios within one round; memory of one process"));
      AtomicFile.write(report, page.getBytes(StandardCharsets.UTF_8));
      terminal.out().println(report);
    }
  }
}
