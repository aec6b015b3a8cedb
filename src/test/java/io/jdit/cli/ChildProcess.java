package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.JavaProcess;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A command line in a process of its own, with other variables or streams than the test's. */
record ChildProcess(int exitCode, String out, String err) {
  /** The command line with what is written to standard output and standard error kept. */
  static ChildProcess of(Path folder, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    return run(folder, command(arguments), environment, null);
  }

  /** What starts {@code jdit} with these arguments. */
  static List<String> command(String... arguments) {
    return JavaProcess.command(Main.class, arguments);
  }

  /**
   * @param output where standard output goes; null keeps it
   */
  static ChildProcess run(
      Path folder, List<String> command, Map<String, String> environment, File output)
      throws IOException, InterruptedException {
    File out = Files.createTempFile(folder, "out", ".txt").toFile();
    File err = Files.createTempFile(folder, "err", ".txt").toFile();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(output == null ? out : output)
            .redirectError(err);
    builder.environment().putAll(environment);
    Process process = builder.start();
    boolean ended = process.waitFor(300, TimeUnit.SECONDS);
    process.destroyForcibly();
    assertThat(ended).as("%s ends; it said: %s", command, Files.readString(err.toPath())).isTrue();
    // The JVM names the options that it takes from JAVA_TOOL_OPTIONS.
    String said = Files.readString(err.toPath()).replaceAll("(?m)^Picked up JAVA_.*\\R", "");
    return new ChildProcess(process.exitValue(), Files.readString(out.toPath()), said);
  }
}
