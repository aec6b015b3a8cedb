package io.jdit.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManifestTest {
  /** SHA-256 of the text {@code abc} (FIPS 180-4, example B.1). */
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  @TempDir private Path folder;

  @Test
  void anEntryCountsWhileFileAndSettingsAreTheSame() throws IOException {
    Files.writeString(folder.resolve("a.png"), "abc");
    BatchTask task = task("a.png", 4);
    Manifest manifest = Manifest.open(folder);
    assertThat(task.done(manifest)).isFalse();
    manifest.append(List.of(entry(task, ABC)));

    assertThat(task.done(Manifest.open(folder))).isTrue();
    assertThat(task("a.png", 5).done(Manifest.open(folder))).isFalse();
    Files.writeString(folder.resolve("a.png"), "abd");
    assertThat(task.done(Manifest.open(folder))).isFalse();
    Files.delete(folder.resolve("a.png"));
    assertThat(task.done(Manifest.open(folder))).isFalse();
  }

  /** A video as a folder of frames counts while all of its files are as they were. */
  @Test
  void aFolderCountsAsItsFiles() throws IOException {
    Path frames = Files.createDirectory(folder.resolve("clip"));
    Files.writeString(frames.resolve("frame_00001.png"), "c");
    Files.writeString(frames.resolve("frame_00000.png"), "ab");
    assertThat(Manifest.sha256(frames)).isEqualTo(ABC);
    BatchTask task = task("clip/", 4);
    Manifest.open(folder).append(List.of(entry(task, ABC)));
    assertThat(task.done(Manifest.open(folder))).isTrue();
    Files.delete(frames.resolve("frame_00001.png"));
    assertThat(task.done(Manifest.open(folder))).isFalse();
  }

  @Test
  void aTornLastLineIsSetAsideWhereverItWasCut() throws IOException {
    Files.writeString(folder.resolve("a.png"), "abc");
    Files.writeString(folder.resolve("b.png"), "abc");
    BatchTask a = task("a.png", 4);
    BatchTask b = task("b.png", 4);
    Manifest.open(folder).append(List.of(entry(a, ABC)));
    byte[] one = Files.readAllBytes(file());
    for (int length = 1; length < one.length; length++) {
      Files.write(file(), one);
      Files.write(file(), java.util.Arrays.copyOf(one, length), StandardOpenOption.APPEND);
      Manifest torn = Manifest.open(folder);
      assertThat(torn.damagedLines()).isZero();
      torn.append(List.of(entry(b, ABC)));

      Manifest read = Manifest.open(folder);
      assertThat(a.done(read)).isTrue();
      assertThat(b.done(read)).as("cut at %d", length).isTrue();
      // Cut right ahead of its line end, the line is whole again.
      assertThat(read.damagedLines()).isEqualTo(length == one.length - 1 ? 0 : 1);
    }
  }

  @Test
  void whatAnotherProcessAppendedIsSeenAndNotRepeated() throws IOException {
    Files.writeString(folder.resolve("a.png"), "abc");
    BatchTask task = task("a.png", 4);
    Manifest first = Manifest.open(folder);
    Manifest second = Manifest.open(folder);
    second.append(List.of(entry(task, ABC)));
    first.append(List.of(entry(task, ABC)));
    assertThat(Files.readAllLines(file())).hasSize(1);
    first.refresh();
    assertThat(task.done(first)).isTrue();
  }

  @Test
  void linesThatAreNoEntryAreCounted() throws IOException {
    Files.write(
        file(), "{}\nnull\n[1]\n{\"path\": 1}\n\n\u0000\u0000\n".getBytes(StandardCharsets.UTF_8));
    assertThat(Manifest.open(folder).damagedLines()).isEqualTo(6);
  }

  private Path file() {
    return folder.resolve(Manifest.FILE_NAME);
  }

  static BatchTask task(String name, int steps) {
    BatchItem item = new BatchItem("00001", 1, Values.of(RequestKeys.PROMPT, "a"), List.of(name));
    return BatchTask.of(
        item,
        Map.of("prompt", "a", "seed", 1024L, "guidance_scale", 3.5, "num_inference_steps", steps));
  }

  static ManifestEntry entry(BatchTask task, String sha256) {
    return new ManifestEntry(
        task.item().key(),
        task.item().line(),
        0,
        task.item().fileNames().get(0),
        sha256,
        1.5,
        "2026-01-01T00:00:00Z",
        task.settings());
  }
}
