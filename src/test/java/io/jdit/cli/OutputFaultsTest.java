package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.TinyPipeline;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot be drawn or written: said in one line, with nothing half done. */
class OutputFaultsTest {
  private static final String TINY = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline").toString();

  @TempDir private Path folder;

  private Path out() {
    return folder.resolve("out");
  }

  @Test
  void weightsThatAreNotNumbersNeverMakeAPicture() throws IOException {
    TinyPipeline model = TinyPipeline.copy("flux1-schnell-tiny", folder.resolve("model"));
    spoil(model.resolve("transformer/diffusion_pytorch_model.safetensors"), "proj_out.bias");
    CommandLineRun run = draw(model.folder().toString(), "--prompt", "a");
    assertThat(run.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(run.err()).contains("not finite", "step 1");
    assertThat(out()).isEmptyDirectory();

    Path prompts = Files.writeString(folder.resolve("p.txt"), "a\n");
    CommandLineRun batch = draw(model.folder().toString(), "--prompt-path", prompts.toString());
    assertThat(batch.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(batch.err()).contains("line 1: ").contains("not finite");
    assertThat(out().resolve("manifest.jsonl"))
        .satisfiesAnyOf(f -> assertThat(f).doesNotExist(), f -> assertThat(f).isEmptyFile());

    TinyPipeline vae = TinyPipeline.copy("flux1-schnell-tiny", folder.resolve("vae"));
    spoil(vae.resolve("vae/diffusion_pytorch_model.safetensors"), "decoder.conv_out.bias");
    assertThat(draw(vae.folder().toString(), "--prompt", "a").err()).contains("not finite");
  }

  @Test
  void severalGenerationsGetOneFileEach() {
    CommandLineRun run =
        draw(
            TINY,
            "--prompt",
            "a",
            "--seed",
            "1,2,3",
            "--cache",
            "--save-latents",
            out().resolve("l.safetensors").toString(),
            "--cache-report",
            out().resolve("c.html").toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    for (int i = 0; i < 3; i++) {
      assertThat(out().resolve("l_" + i + ".safetensors")).isNotEmptyFile();
      assertThat(out().resolve("c_" + i + ".html")).isNotEmptyFile();
    }
    assertThat(out().resolve("l.safetensors")).doesNotExist();
  }

  @Test
  void namesThatFileSystemsRefuseFailBeforeAnythingIsDrawn() throws IOException {
    String longName = "y".repeat(251) + ".png"; // 255 bytes; with _0 too many
    String longer = "y".repeat(252) + ".png";
    refused(draw("/nowhere", "--prompt", "a", "--output-file-name", longer));
    refused(draw(TINY, "--prompt", "a", "--seed", "1,2", "--output-file-name", longName));
    refused(draw(TINY, "--prompt", "a", "--save-latents", out().resolve(longer).toString()));
    refused(
        draw(TINY, "--prompt", "a", "--perf-dump-path", out().resolve("é".repeat(128)).toString()));

    Path prompts =
        Files.writeString(
            folder.resolve("p.jsonl"),
            "{\"prompt\": \"a\", \"output_file_name\": \"%s\"}\n{\"prompt\": \"b\"}\n{\"prompt\": \"c\", \"output_file_name\": \"sub.png\"}\n"
                .formatted(longer));
    Files.createDirectories(out().resolve("sub.png"));
    CommandLineRun batch = draw(TINY, "--prompt-path", prompts.toString());
    assertThat(batch.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(batch.err())
        .contains(
            "line 1: output_file_name makes 'yyyyyyyyyyyyyyyyyyyy...', a file name of 256 bytes")
        .contains("line 3: its picture 'sub.png' is a folder");
    assertThat(out().resolve("00002_b.png")).isNotEmptyFile();
  }

  private void refused(CommandLineRun run) {
    assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains("bytes; file systems take 255");
    assertThat(out().toFile().list())
        .satisfiesAnyOf(f -> assertThat(f).isNull(), f -> assertThat(f).isEmpty());
  }

  @Test
  void absurdSizes() {
    for (String[] size :
        new String[][] {
          {"16", "2147483640", "2"},
          {"1000000", "1000000", "4"},
          {"2147483632", "2147483632", "4"},
          {"16", "99999999999", "2"}
        }) {
      CommandLineRun run = draw(TINY, "--prompt", "a", "--width", size[0], "--height", size[1]);
      assertThat(run.exitCode()).as(run.err()).isEqualTo(Integer.parseInt(size[2]));
      assertThat(run.err().lines().filter(l -> l.startsWith("jdit: "))).hasSize(1);
      assertThat(run.err()).doesNotContain("\tat ").doesNotContain("-2147483648");
    }
  }

  @Test
  void standardOutputThatCannotBeWritten() throws Exception {
    File full = new File("/dev/full");
    assumeTrue(full.exists(), "/dev/full is Linux");
    for (String[] command :
        new String[][] {{"--help"}, {"inspect", TINY}, {"parallel", "--help"}}) {
      ChildProcess run = ChildProcess.run(folder, ChildProcess.command(command), Map.of(), full);
      assertThat(run.exitCode()).isEqualTo(ExitCode.FAILED);
      assertThat(run.err())
          .isEqualTo("jdit: standard output cannot be written: the disk is full or closed\n");
    }
  }

  @Test
  void aFullDiskNamesTheFile() throws Exception {
    List<String> mount = List.of("unshare", "-m", "true");
    assumeTrue(
        new File("/usr/bin/unshare").exists()
            && ChildProcess.run(folder, mount, Map.of(), null).exitCode() == 0,
        "needs the right to mount");
    Path disk = Files.createDirectories(folder.resolve("disk"));
    List<String> command = new ArrayList<>(List.of("unshare", "-m", "bash", "-c"));
    command.add("mount -t tmpfs -o size=8k tmpfs \"$0\" && exec \"$@\"");
    command.add(disk.toString());
    command.addAll(
        ChildProcess.command(
            arguments(TINY, "--prompt", "a", "--output-file-path", disk + "/full.png")));
    ChildProcess run = ChildProcess.run(folder, command, Map.of(), null);
    assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCode.FAILED);
    assertThat(run.err())
        .contains("jdit: cannot write " + disk + "/full.png: No space left on device");
  }

  @Test
  void theUmaskDecidesWhoReadsFiles() throws Exception {
    List<String> command = new ArrayList<>(List.of("bash", "-c", "umask 022; exec \"$0\" \"$@\""));
    command.addAll(
        ChildProcess.command(
            arguments(
                TINY,
                "--prompt",
                "a",
                "--output-file-name",
                "a.png",
                "--save-latents",
                out() + "/l.safetensors",
                "--perf-dump-path",
                out() + "/p.json")));
    assertThat(ChildProcess.run(folder, command, Map.of(), null).exitCode()).isZero();
    for (String name : List.of("a.png", "l.safetensors", "p.json")) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(out().resolve(name))))
          .as(name)
          .isEqualTo("rw-r--r--");
    }
  }

  private CommandLineRun draw(String model, String... more) {
    return CommandLineRun.of(arguments(model, more));
  }

  private String[] arguments(String model, String... more) {
    List<String> all = new ArrayList<>(List.of("generate", "--model-path", model));
    List<String> given = List.of(more);
    all.addAll(List.of("--num-inference-steps", "1", "--device", "cpu"));
    if (!given.contains("--width")) {
      all.addAll(List.of("--height", "64", "--width", "64"));
    }
    if (!given.contains("--output-file-path")) {
      all.addAll(List.of("--output-path", out().toString()));
    }
    all.addAll(List.of("--max-sequence-length", "24"));
    all.addAll(given);
    return all.toArray(String[]::new);
  }

  private static void spoil(Path file, String name) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile source = SafeTensorsFile.open(file)) {
      source.names().forEach(n -> tensors.put(n, source.read(n)));
      tensors.put(name, tensors.get(name).mul(Double.NaN));
      SafeTensorsWriter.write(file, tensors);
    }
  }
}
