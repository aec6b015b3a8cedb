package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.Fixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchCommandTest {
  @TempDir private Path folder;

  private static CommandLineRun bench(String... options) {
    String[] all = new String[options.length + 15];
    List<String> common =
        List.of(
            "bench",
            "--model-path",
            Fixture.ROOT.resolve("flux1-dev-tiny/pipeline").toString(),
            "--device",
            "cpu",
            "--height",
            "64",
            "--width",
            "64",
            "--num-inference-steps",
            "8",
            "--runs",
            "1",
            "--warmup-runs",
            "0");
    common.toArray(all);
    System.arraycopy(options, 0, all, common.size(), options.length);
    return CommandLineRun.of(all);
  }

  /** With the command alone, as main describes it, and among all. */
  @Test
  void everyShapeIsAnOption() {
    for (String[] arguments : new String[][] {{}, {"bench"}}) {
      assertThat(Main.commandLine(arguments).getSubcommands().get("bench").getCommandSpec())
          .extracting(s -> s.findOption("--flux-mid"))
          .isNotNull();
    }
  }

  /** Weights of 2 blocks of 768 features, in float32, and the process; a cache is not planned. */
  @Test
  void aShapeSaysWhatMemoryWasPlanned() {
    List<String> shape =
        List.of(
            "bench",
            "--flux-mid",
            "--set=transformer.num_layers=1",
            "--set=transformer.num_single_layers=1");
    double weights = (30 + 12) * 768 * 768 * 4 / 1e6;
    assertThat(last(bench(shape)).path("planned_memory_mb").asDouble())
        .isBetween(400 + weights, 800 + weights);
    List<String> cached = new ArrayList<>(shape);
    cached.addAll(List.of("--cache", "--warmup-steps=1", "--rdt=1000"));
    JsonNode json = last(bench(cached));
    assertThat(json.has("cached_step_ms")).isTrue();
    assertThat(json.has("planned_memory_mb")).isFalse();
  }

  /** Layers that are quantized as they are read leave no gaps in the heap. */
  @Test
  void aQuantizedShapeTakesNoMoreThanPlanned() throws Exception {
    String[] arguments =
        "bench --flux-mid --device cpu --dtype bfloat16 --quantization int8 --runs 1 --warmup-runs 0"
            .split(" ");
    ChildProcess run = ChildProcess.of(folder, Map.of(), arguments);
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode json = last(run.out());
    double planned = json.path("planned_memory_mb").asDouble();
    assertThat(json.path("peak_memory_mb").asDouble()).isLessThan(1.1 * planned);
  }

  private static CommandLineRun bench(List<String> arguments) {
    return CommandLineRun.of(arguments.toArray(String[]::new));
  }

  private static JsonNode last(CommandLineRun run) {
    assertThat(run.exitCode()).as(run.err()).isZero();
    return last(run.out());
  }

  private static JsonNode last(String out) {
    return JsonMapper.shared().readTree(out.lines().reduce((a, b) -> b).orElseThrow());
  }

  /** The second differs by its kernel's rounding at most, the third is cached. */
  @Test
  void configurationsSideBySide() throws IOException {
    Path plain = Files.writeString(folder.resolve("plain.yaml"), "attention_backend: native\n");
    Path math = Files.writeString(folder.resolve("math.yaml"), "attention_backend: _native_math\n");
    Path cached =
        Files.writeString(
            folder.resolve("cached.yaml"),
            "cache_config:\n  max_warmup_steps: 2\n  residual_diff_threshold: 10.0\n  Fn_compute_blocks: 1\n");
    Path json = folder.resolve("out.json");
    Path report = folder.resolve("out.html");
    CommandLineRun run =
        bench(
            "--configs",
            plain + "," + math + "," + cached,
            "--rounds",
            "1",
            "--json",
            json.toString(),
            "--report",
            report.toString());
    assertThat(run.err()).contains("round 1 of 1: " + math);
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("| plain.yaml |", "| math.yaml |", "| cached.yaml |", report.toString());
    JsonNode configurations =
        JsonMapper.shared().readTree(Files.readAllBytes(json)).path("configurations");
    assertThat(configurations.get(0).has("psnr_db")).isFalse();
    JsonNode exact = configurations.get(1);
    assertThat(exact.has("equal_picture") || exact.path("psnr_db").asDouble() > 50).isTrue();
    assertThat(configurations.get(2).path("psnr_db").asDouble()).isBetween(5.0, 60.0);
    assertThat(configurations.valueStream().map(c -> c.path("peak_memory_mb").asDouble()))
        .allMatch(mb -> mb > 50);
    assertThat(Files.readString(report)).contains("<svg", "cached.yaml");
  }

  @Test
  void aProfileComesWithATableOfKernels() {
    Path file = folder.resolve("p.json");
    CommandLineRun run = bench("--profile", file.toString());
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).containsPattern("linear +\\d+ +[0-9.]+ +[0-9.]+%");
    assertThat(file).isNotEmptyFile();
  }

  @Test
  void whatDoesNotGoTogether() throws IOException {
    Path a = Files.writeString(folder.resolve("a.yaml"), "attention_backend: native\n");
    Path bad = Files.writeString(folder.resolve("bad.yaml"), "attention_backend: sage3\n");
    expect(2, "no such file", bench("--configs", folder.resolve("none.yaml").toString()));
    expect(2, "--profile is for one configuration", bench("--configs", a + "", "--profile", "x"));
    expect(
        2,
        "--cache-dit-config is for one configuration",
        bench("--configs", a + "", "--cache-dit-config", a + ""));
    expect(2, "--json and --report need --configs", bench("--json", "x.json"));
    expect(2, "--rounds must be >= 1", bench("--configs", a + "", "--rounds", "0"));
    expect(2, "bad.yaml: attention_backend 'sage3' is not supported", bench("--configs", bad + ""));
  }

  private static void expect(int code, String line, CommandLineRun run) {
    assertThat(run.err()).contains(line);
    assertThat(run.exitCode()).isEqualTo(code);
  }
}
