package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.media.PngText;
import io.jdit.testing.Fixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text that comes in by arguments and file names, whatever the locale. */
class LocaleTest {
  private static final String PROMPT = "红色圆圈";

  @TempDir private Path folder;

  /** Without the launchers Java has lost the text already: another picture must not be drawn. */
  @Test
  void textThatTheLocaleLosesIsRefused() throws Exception {
    ChildProcess run = inShell("LC_ALL=C", "--prompt", PROMPT);
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("has bytes that are not text in", "set LC_ALL").hasLineCount(1);
    assertThat(folder.resolve("出力")).doesNotExist();
  }

  @Test
  void bytesThatAreNoUtf8AreRefused() throws Exception {
    ChildProcess run = inShell("LC_ALL=C.UTF-8", "--prompt", "$(printf 'gr\\374n')");
    assertThat(run.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("write it in UTF-8").hasLineCount(1);
  }

  @Test
  void promptsAndFoldersInAnyScript() throws Exception {
    ChildProcess run = inShell("LC_ALL=C.UTF-8", "--prompt", PROMPT);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(PngText.read(folder.resolve("出力/a.png"))).containsEntry("prompt", PROMPT);
  }

  /** Both launchers give Java a locale in which it can read its arguments. */
  @ParameterizedTest
  @ValueSource(strings = {"jdit", "src/main/dist/bin/jdit"})
  void launchersSetAnEncoding(String launcher) throws Exception {
    Path home = Files.createDirectories(folder.resolve("home/bin")).getParent();
    Path script = launcher.equals("jdit") ? home.resolve("jdit") : home.resolve("bin/jdit");
    Files.copy(Path.of(launcher), script);
    Files.createDirectories(home.resolve("target"));
    Files.createFile(home.resolve("target/jdit.built"));
    Files.createDirectories(home.resolve("lib/app"));
    Path java = Files.createDirectories(home.resolve("lib/runtime/bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\nlocale charmap\neval echo \\${$#}\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    for (String locale : List.of("C", "POSIX", "xx_YY.UTF-8", "C.UTF-8", "")) {
      ChildProcess run =
          ChildProcess.run(
              folder,
              List.of(
                  "sh",
                  "-c",
                  "exec " + (launcher.equals("jdit") ? "bash " : "sh ") + script + " 'a b'"),
              Map.of(
                  "LC_ALL",
                  locale,
                  "LANG",
                  "",
                  "JAVA_HOME",
                  home.resolve("lib/runtime").toString()),
              null);
      assertThat(run.out()).as(locale + run.err()).isEqualTo("UTF-8\na b\n");
    }
  }

  /** Picocli would read the file and take its lines for arguments. */
  @Test
  void anAtSignIsPartOfThePrompt() throws IOException {
    Path file = Files.writeString(folder.resolve("logo"), "--height\n32\n");
    for (String prompt : List.of("@" + file, "@" + folder, "@@x")) {
      CommandLineRun run = CommandLineRun.of(generate("--prompt", prompt).toArray(String[]::new));
      assertThat(run.exitCode()).as(run.err()).isZero();
      assertThat(PngText.read(folder.resolve("出力/a.png"))).containsEntry("prompt", prompt);
    }
  }

  private List<String> generate(String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "generate",
                "--model-path",
                Fixture.ROOT.resolve("flux1-dev-tiny/pipeline").toString()));
    all.addAll(List.of("--num-inference-steps", "1", "--height", "64", "--width", "64"));
    all.addAll(List.of("--max-sequence-length", "24", "--device", "cpu", "--quiet"));
    all.addAll(List.of("--output-path", folder.resolve("出力").toString()));
    all.addAll(List.of("--output-file-name", "a.png"));
    all.addAll(List.of(more));
    return all;
  }

  /** Through a script in UTF-8: this process may not be able to pass the text on. */
  private ChildProcess inShell(String variable, String... more) throws Exception {
    String line =
        ChildProcess.command(generate(more).toArray(String[]::new)).stream()
            .map(a -> "\"" + a + "\"")
            .collect(Collectors.joining(" "));
    Path script =
        Files.writeString(folder.resolve("run.sh"), "export " + variable + "\nexec " + line);
    return ChildProcess.run(folder, List.of("bash", script.toString()), Map.of(), null);
  }
}
