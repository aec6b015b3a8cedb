package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.Values;
import io.jdit.media.OutputKind;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.testing.VideoFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RequestFilesTest {
  private static final Map<String, String> TEXTS = Map.of("settings", "{\"fps\":12}");
  private static final Request REQUEST =
      new Request(
          Values.of(RequestKeys.FPS, 12).with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2), List.of());

  @TempDir private Path temp;

  private static Picture grey(int level) {
    byte[] rgb = new byte[3 * 32 * 16];
    Arrays.fill(rgb, (byte) level);
    return new Picture(32, 16, rgb);
  }

  private RequestFiles files(OutputKind kind, Integer quality, String... names) {
    Output output = new Output(kind, temp, null, quality, null, null, null);
    return new RequestFiles(output, REQUEST, List.of(names), TEXTS);
  }

  private List<String> inFolder() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void framesOfEachVideoAreWrittenAsTheyCome() throws IOException {
    try (RequestFiles files = files(OutputKind.VIDEO, null, "a_0.mp4", "a_1.mp4")) {
      for (int video = 0; video < 2; video++) {
        for (int t = 0; t < 25; t++) {
          files.frame(video, t, grey(100 * video + 4 * t));
        }
      }
      List<Picture> views = files.views();
      assertThat(views).hasSize(2);
      assertThat(views.get(0).width()).isEqualTo(3 * 32);
      files.save(0);
      assertThat(inFolder()).hasSize(2).contains("a_0.mp4"); // and what becomes the other
      files.save(1);
    }
    assertThat(inFolder()).containsExactly("a_0.mp4", "a_1.mp4");
    VideoFile video = VideoFile.read(temp.resolve("a_1.mp4"));
    assertThat(video.fps()).isEqualTo(12);
    assertThat(video.comment()).isEqualTo("{\"fps\":12}");
    assertThat(video.frames()).hasSize(25);
    assertThat(VideoFile.difference(video.frames().get(0), grey(100))).isLessThan(3);
    assertThat(VideoFile.difference(video.frames().get(24), grey(196))).isLessThan(3);
  }

  @Test
  void videosThatAreNotSavedAreGivenUp() throws IOException {
    try (RequestFiles files = files(OutputKind.VIDEO, null, "a.mp4", "folder/")) {
      files.frame(0, 0, grey(0));
      files.frame(1, 0, grey(0));
    }
    assertThat(inFolder()).isEmpty();
  }

  @Test
  void aNameWithASlashIsAFolder() throws IOException {
    try (RequestFiles files = files(OutputKind.VIDEO, null, "clip/")) {
      files.frame(0, 0, grey(7));
      files.frame(0, 1, grey(8));
      files.save(0);
      assertThat(files.path(0)).isEqualTo(temp.resolve("clip"));
    }
    assertThat(PictureReader.read(temp.resolve("clip/frame_00001.png")).rgb())
        .isEqualTo(grey(8).rgb());
  }

  @Test
  void framesThatCannotBeWrittenEndTheRun() throws IOException {
    Files.writeString(temp.resolve("file"), "x");
    try (RequestFiles files = files(OutputKind.VIDEO, null, "file/a.mp4")) {
      assertThatThrownBy(() -> files.frame(0, 0, grey(0))).isInstanceOf(UncheckedIOException.class);
    }
  }

  @Test
  void anInterruptionEndsAVideo() throws IOException {
    try (RequestFiles files = files(OutputKind.VIDEO, null, "a.mp4")) {
      files.frame(0, 0, grey(0));
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> files.frame(0, 1, grey(0)))
          .isInstanceOf(GenerationCancelledException.class);
    }
    assertThat(inFolder()).isEmpty();
  }

  @Test
  void picturesAreHeldUntilTheyAreSaved() throws IOException {
    try (RequestFiles files = files(OutputKind.PICTURE, 40, "a.png", "b.jpg")) {
      files.frame(0, 0, grey(7));
      files.frame(1, 0, grey(8));
      assertThat(inFolder()).isEmpty();
      files.save(0);
      files.save(1);
      assertThat(files.views()).hasSize(2);
    }
    assertThat(PictureReader.read(temp.resolve("a.png")).rgb()).isEqualTo(grey(7).rgb());
    assertThat(inFolder()).containsExactly("a.png", "b.jpg");
  }
}
