package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.checkpoint.TensorInfo;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * FLUX.2-klein at its published shapes, 14 GB in bfloat16, in a control group of less memory. Its
 * files are holes: zeros that take no room on the disk.
 */
class LimitedMemoryTest {
  private static final Path MANIFEST = Path.of("src/test/resources/manifests/flux2-klein-4b");

  @TempDir private Path temp;
  private Path group;

  @AfterEach
  void remove() throws IOException {
    if (group != null) {
      Files.deleteIfExists(group);
    }
  }

  /** A control group of this test, or the test is skipped. */
  private void limit(long bytes) {
    for (String[] form :
        new String[][] {
          {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}
        }) {
      Path made = Path.of(form[0], "jdit-test-" + ProcessHandle.current().pid());
      try {
        if (Files.exists(Path.of(form[0]))) {
          Files.createDirectory(made);
          group = made;
          Files.writeString(made.resolve(form[1]), Long.toString(bytes));
          return;
        }
      } catch (IOException e) {
        // Not allowed here, or the group lacks the controller.
      }
    }
    assumeTrue(false, "no control group with a limit of memory can be made here");
  }

  private ChildProcess generate(String... options) throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "generate",
                "--model-path",
                model().toString(),
                "--device",
                "cpu",
                "--dtype",
                "bfloat16",
                "--prompt",
                "fox",
                "--height",
                "64",
                "--width",
                "64",
                "--num-inference-steps",
                "1",
                "--max-sequence-length",
                "512",
                "--preview",
                "off",
                "--output-path",
                temp.resolve("out").toString()));
    arguments.addAll(List.of(options));
    List<String> command =
        new ArrayList<>(
            List.of("sh", "-c", "echo $$ > " + group + "/cgroup.procs && exec \"$@\"", "sh"));
    command.addAll(ChildProcess.command(arguments.toArray(String[]::new)));
    return ChildProcess.run(temp, command, Map.of(), null);
  }

  private Path model() throws IOException {
    Path folder = temp.resolve("model");
    if (!Files.exists(folder)) {
      TinyPipeline.of(MANIFEST, folder);
      TinyPipeline.of(
          Fixture.ROOT.resolve("flux2-klein-tiny/pipeline/tokenizer"), folder.resolve("tokenizer"));
      for (String component : List.of("transformer", "text_encoder", "vae")) {
        holes(
            Manifest.read(MANIFEST.resolve(component + ".tensors.tsv")),
            folder
                .resolve(component)
                .resolve(
                    component.equals("text_encoder")
                        ? "model.safetensors"
                        : "diffusion_pytorch_model.safetensors"));
      }
    }
    return folder;
  }

  private static void holes(Manifest manifest, Path file) throws IOException {
    StringBuilder header = new StringBuilder("{");
    long at = 0;
    for (TensorInfo t : manifest.tensors().values()) {
      header
          .append(header.length() > 1 ? "," : "")
          .append(
              String.format(
                  Locale.ROOT,
                  "\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
                  t.name(),
                  java.util.Arrays.toString(t.shape()),
                  at,
                  at + t.bytes()));
      at += t.bytes();
    }
    byte[] bytes = header.append("}").toString().getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
      f.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length).array());
      f.write(bytes);
      f.setLength(8 + bytes.length + at);
    }
  }

  /** As it is, and quantized layer by layer. */
  @ParameterizedTest
  @ValueSource(strings = {"", "--quantization=int8"})
  void aModelRunsInAThirdOfItsMemoryAndAsPlanned(String option) throws Exception {
    limit(4L << 30);
    String[] options = option.isEmpty() ? new String[0] : new String[] {option};
    ChildProcess run = generate(options);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("offload: transformer and text_encoder layer by layer");
    List<String> planned =
        new ArrayList<>(
            List.of(
                "parallel",
                "plan",
                "--model-path",
                MANIFEST.toString(),
                "--device",
                "cpu",
                "--height",
                "64",
                "--width",
                "64",
                "--max-sequence-length",
                "512",
                "--performance-mode",
                "memory"));
    planned.addAll(List.of(options));
    CommandLineRun plan = CommandLineRun.of(planned.toArray(String[]::new));
    Matcher predicted =
        Pattern.compile("(?m)^ +([0-9.]+) .* transformer and text_encoder layer by layer")
            .matcher(plan.out());
    assertThat(predicted.find()).as(plan.out()).isTrue();
    double megabytes = Double.parseDouble(predicted.group(1)) * 1000;
    double peak =
        Pattern.compile("(\\d+) MB")
            .matcher(run.err())
            .results()
            .mapToDouble(m -> Double.parseDouble(m.group(1)))
            .max()
            .orElseThrow();
    assertThat(peak).as(run.err()).isCloseTo(megabytes, withinPercentage(10));
  }

  @Test
  void whatCannotFitIsRefusedBeforeItIsRead() throws Exception {
    limit(1L << 30);
    ChildProcess run = generate();
    assertThat(run.exitCode()).isEqualTo(ExitCode.MEMORY);
    assertThat(run.err().lines().toList()).hasSize(1);
    assertThat(run.err())
        .startsWith("jdit: not enough memory for ")
        .contains("transformer and text_encoder layer by layer");
    assertThat(temp.resolve("out")).isEmptyDirectory();
  }

  @Test
  void theWayOutIsNamed() throws Exception {
    limit(4L << 30);
    ChildProcess run =
        generate("--dit-cpu-offload", "false", "--text-encoder-cpu-offload", "false");
    assertThat(run.exitCode()).isEqualTo(ExitCode.MEMORY);
    assertThat(run.err()).contains("; --performance-mode memory takes 1.");
  }
}
