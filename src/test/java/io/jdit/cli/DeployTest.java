package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The files in deploy: they are well formed, and name options, paths and figures that exist. */
class DeployTest {
  private static final Path DEPLOY = Path.of("deploy");
  private static final int DEFAULT_PORT = 30_000;

  @TempDir private Path folder;

  /** As the command line takes them. */
  private static CommandLine.ParseResult serve(List<String> arguments) {
    CommandLine.ParseResult parsed = Main.commandLine().parseArgs(arguments.toArray(String[]::new));
    assertThat(parsed.subcommand().commandSpec().name()).isEqualTo("serve");
    return parsed.subcommand();
  }

  private static int seconds(List<String> arguments) {
    return serve(arguments).matchedOptionValue("--shutdown-seconds", 0);
  }

  @Test
  void dockerfile() throws IOException {
    String file =
        Files.readString(DEPLOY.resolve("Dockerfile"))
            .replaceAll("(?m)^#.*\n", "")
            .replaceAll("\\\\\n", "");
    assertThat(file.lines().filter(l -> !l.isBlank()).map(l -> l.strip().split(" ")[0]))
        .isSubsetOf(
            "FROM",
            "ARG",
            "RUN",
            "ADD",
            "USER",
            "ENV",
            "VOLUME",
            "EXPOSE",
            "STOPSIGNAL",
            "HEALTHCHECK",
            "CMD",
            "ENTRYPOINT");
    String version =
        find("<version>([^<]+)</version>", Files.readString(Path.of("pom.xml"))).get(0);
    assertThat(file).contains("ARG VERSION=" + version + "\n");
    // The name that scripts/build-dist gives the tarball.
    assertThat(file).contains("ADD target/jdit-${VERSION}-${PLATFORM}.tar.gz");
    List<String> command = new ArrayList<>();
    for (JsonNode word : JsonMapper.shared().readTree(find("(?m)^CMD (\\[.*\\])", file).get(0))) {
      command.add(word.stringValue());
    }
    serve(command);
    assertThat(find("EXPOSE (\\d+)", file)).containsExactly(Integer.toString(DEFAULT_PORT));
  }

  @Test
  void systemdUnit() throws IOException {
    Map<String, String> settings =
        Files.readAllLines(DEPLOY.resolve("jdit.service")).stream()
            .filter(l -> !l.isBlank() && !l.startsWith("#") && !l.startsWith("["))
            .map(l -> l.split("=", 2))
            .collect(Collectors.toMap(l -> l[0], l -> l[1]));
    List<String> command =
        new ArrayList<>(
            List.of(settings.get("ExecStart").replace(" $JDIT_OPTIONS", "").split(" ")));
    assertThat(command.remove(0)).isEqualTo("/opt/jdit/bin/jdit");
    assertThat(seconds(command)).isBetween(1, Integer.parseInt(settings.get("TimeoutStopSec")) - 1);
    assertThat(settings.get("SuccessExitStatus")).isEqualTo("143");
    assertThat(settings).containsKeys("NoNewPrivileges", "ProtectSystem", "SystemCallFilter");
    assertThat(settings).doesNotContainKey("MemoryDenyWriteExecute"); // Java compiles
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void slurmJob(int nodes) throws Exception {
    Path log = folder.resolve("log");
    Path steps = folder.resolve("steps");
    for (String name : List.of("jdit", "srun")) {
      Path file = folder.resolve(name);
      Files.writeString(
          file,
          "#!/bin/sh\n"
              + (name.equals("srun")
                  ? "while [ \"${1#--}\" != \"$1\" ]; do echo \"$1 $2\" >>"
                      + steps
                      + "; shift 2; done; exec \"$@\"\n"
                  : "echo \"$*\" >>" + log + "\nexit 143\n"));
      assertThat(file.toFile().setExecutable(true)).isTrue();
    }
    Path results = folder.resolve("results");
    Files.createDirectory(results);
    Files.writeString(results.resolve("keys"), "key\n");
    ProcessBuilder builder =
        new ProcessBuilder(
                "bash", DEPLOY.resolve("serve.sbatch").toString(), results.toString(), "--quiet")
            .inheritIO();
    builder.environment().put("PATH", folder + ":" + System.getenv("PATH"));
    builder
        .environment()
        .putAll(
            Map.of(
                "SLURM_JOB_ID",
                "1234567",
                "SLURM_GPUS_ON_NODE",
                "4",
                "SLURM_CPUS_PER_TASK",
                "8",
                "SLURM_NNODES",
                Integer.toString(nodes)));
    assertThat(builder.start().waitFor()).isZero();
    List<String> command = Arrays.asList(Files.readAllLines(log).get(0).split(" "));
    assertThat(serve(command).matchedOptionValue("--port", 0)).isEqualTo(24567);
    assertThat(command).contains("--api-key-file");
    if (nodes == 1) {
      assertThat(command).containsSequence("--num-gpus", "4").containsSequence("--threads", "8");
      assertThat(steps).doesNotExist();
    } else {
      assertThat(command).doesNotContain("--num-gpus").containsSequence("--threads", "2");
      assertThat(steps).hasContent("--ntasks-per-node 4\n--cpus-per-task 2");
    }
    String signal =
        find("--signal=TERM@(\\d+)", Files.readString(DEPLOY.resolve("serve.sbatch"))).get(0);
    assertThat(seconds(command)).isBetween(1, Integer.parseInt(signal) - 1);
    assertThat(results.resolve("address")).doesNotExist();
  }

  @Test
  void kubernetesManifest() throws IOException {
    List<JsonNode> documents;
    try (var all =
        new YAMLMapper()
            .readerFor(JsonNode.class)
            .<JsonNode>readValues(DEPLOY.resolve("kubernetes.yaml").toFile())) {
      documents = all.readAll();
    }
    assertThat(documents)
        .extracting(d -> d.get("kind").stringValue())
        .containsExactly("PersistentVolumeClaim", "Deployment", "Service");
    JsonNode pod = documents.get(1).at("/spec/template/spec");
    JsonNode container = pod.get("containers").get(0);
    List<String> arguments = new ArrayList<>();
    container.get("args").forEach(a -> arguments.add(a.stringValue()));
    assertThat(seconds(arguments))
        .isBetween(1, pod.get("terminationGracePeriodSeconds").intValue() - 1);
    assertThat(container.at("/ports/0/containerPort").intValue())
        .isEqualTo(serve(arguments).matchedOptionValue("--port", 0));
    assertThat(container.at("/startupProbe/httpGet/path").stringValue()).isEqualTo("/health");
    assertThat(container.at("/readinessProbe/httpGet/path").stringValue()).isEqualTo("/health");
    assertThat(container.at("/livenessProbe/httpGet/path").stringValue()).isEqualTo("/liveness");
    List<String> volumes = new ArrayList<>();
    pod.get("volumes").forEach(v -> volumes.add(v.get("name").stringValue()));
    container
        .get("volumeMounts")
        .forEach(m -> assertThat(volumes).contains(m.get("name").stringValue()));
  }

  @Test
  void dashboard() throws IOException {
    JsonNode dashboard = JsonMapper.shared().readTree(DEPLOY.resolve("grafana.json"));
    List<String> known =
        find(
            "\"(jdit_\\w+)\"",
            Files.readString(Path.of("src/main/java/io/jdit/server/ServerMetrics.java")));
    List<String> used = new ArrayList<>();
    for (JsonNode panel : dashboard.get("panels")) {
      for (JsonNode target : panel.get("targets")) {
        used.addAll(
            find("(jdit_\\w+?)(?:_bucket|_sum|_count)?\\b", target.get("expr").stringValue()));
      }
    }
    assertThat(used).isNotEmpty().isSubsetOf(known);
    assertThat(used).containsAll(known); // each figure is shown
  }

  private static List<String> find(String pattern, String text) {
    Matcher m = Pattern.compile(pattern).matcher(text);
    List<String> found = new ArrayList<>();
    while (m.find()) {
      found.add(m.group(1));
    }
    return found;
  }
}
