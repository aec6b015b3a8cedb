package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real process, ended by the signal that Ctrl-C and batch systems send. */
class InterruptedRunTest {
  @TempDir private Path folder;

  @Test
  void aSignalEndsTheRunAndLeavesNoFile() throws Exception {
    Process process =
        new ProcessBuilder(
                ChildProcess.command(
                    "generate",
                    "--prompt",
                    "a red circle",
                    "--num-inference-steps",
                    "100000",
                    "--device",
                    "cpu",
                    "--output-path",
                    folder.toString()))
            .redirectErrorStream(true)
            .start();
    StringBuilder printed = new StringBuilder();
    try (BufferedReader reader = process.inputReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        printed.append(line).append('\n');
        if (line.startsWith("step ")) {
          process
              .toHandle()
              .destroy(); // SIGTERM; SIGINT takes the same path through the shutdown hook
        }
      }
    }
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isNotZero();
    assertThat(printed).contains("step ").contains("jdit: cancelled").doesNotContain("Exception");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }
}
