package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The help of each command against the text in docs/cli: a change of options shows up in review.
 * After a wanted change write the files anew with {@code -Djdit.help.write=true}.
 */
class HelpTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "generate",
        "serve",
        "inspect",
        "quantize",
        "cache explain",
        "compare",
        "tune",
        "parallel plan",
        "bench",
        "doctor"
      })
  void helpIsWhatTheDocumentationShows(String command) throws IOException {
    Path file =
        Path.of("docs", "cli", (command.isEmpty() ? "jdit" : command.replace(' ', '-')) + ".txt");
    ByteArrayOutputStream complaints = new ByteArrayOutputStream(); // picocli's, of broken texts
    PrintStream err = System.err;
    System.setErr(new PrintStream(complaints, true, StandardCharsets.UTF_8));
    CommandLineRun run;
    try {
      run = CommandLineRun.of((command + " --help").strip().split(" "));
    } finally {
      System.setErr(err);
    }
    assertThat(complaints.toString(StandardCharsets.UTF_8)).isEmpty();
    assertThat(run.exitCode()).isZero();
    if (Boolean.getBoolean("jdit.help.write")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, run.out());
    }
    assertThat(run.out()).isEqualTo(Files.readString(file));
  }
}
