package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.testing.Fixture;
import io.jdit.testing.JavaProcess;
import io.jdit.testing.VideoFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VideoWriterTest {
  private static final int WIDTH = 64;
  private static final int HEIGHT = 48;
  private static final Map<String, String> TEXTS =
      Map.of("settings", "{\"prompt\":\"Füchse & <Igel>\",\"seed\":7}", "seed", "7");

  @TempDir private Path temp;

  /** A soft gradient that a red square moves over. */
  private static Picture frame(int t) {
    byte[] rgb = new byte[3 * WIDTH * HEIGHT];
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        int at = 3 * (y * WIDTH + x);
        boolean square = x >= 4 + 3 * t && x < 20 + 3 * t && y >= 16 && y < 32;
        rgb[at] = (byte) (square ? 220 : 2 * x);
        rgb[at + 1] = (byte) (square ? 30 : 3 * y);
        rgb[at + 2] = (byte) (square ? 40 : 128);
      }
    }
    return new Picture(WIDTH, HEIGHT, rgb);
  }

  private Path write(String name, boolean folder, double quality, int frames) throws IOException {
    return write(name, folder, quality, frames, 1);
  }

  /**
   * @param files in the folder afterwards
   */
  private Path write(String name, boolean folder, double quality, int frames, int files)
      throws IOException {
    Path file = temp.resolve(name);
    VideoWriter.Settings settings = new VideoWriter.Settings(16, quality);
    try (VideoWriter writer = VideoWriter.open(file, folder, settings, TEXTS)) {
      for (int t = 0; t < frames; t++) {
        writer.write(frame(t));
        assertThat(file).doesNotExist();
      }
      writer.finish();
    }
    assertThat(file).exists();
    assertThat(names(temp)).contains(name).hasSize(files); // no temporary file of its own
    return file;
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void mp4HasAllFramesInTheirColours() throws IOException {
    VideoFile video = VideoFile.read(write("a.mp4", false, 8, 13));
    assertThat(video.codec()).isEqualTo("h264");
    assertThat(video.pixelFormat()).isEqualTo("yuv420p");
    assertThat(video.fps()).isEqualTo(16);
    assertThat(video.comment()).isEqualTo(TEXTS.get("settings"));
    assertThat(video.frames()).hasSize(13);
    for (int t : new int[] {0, 6, 12}) {
      assertThat(VideoFile.difference(video.frames().get(t), frame(t))).isLessThan(3);
    }
  }

  /** A player can begin before it has the whole file. */
  @Test
  void mp4HasItsIndexAheadOfTheFrames() throws IOException {
    String text =
        new String(Files.readAllBytes(write("a.mp4", false, 5, 5)), StandardCharsets.ISO_8859_1);
    assertThat(text.indexOf("moov")).isPositive().isLessThan(text.indexOf("mdat"));
  }

  @Test
  void qualityDecidesAboutSizeAndError() throws IOException {
    double worse = Double.MAX_VALUE;
    long smaller = 0;
    for (double quality : new double[] {1, 5, 7, 10}) {
      Path file = write("a.mp4", false, quality, 9);
      double error = VideoFile.difference(VideoFile.read(file).frames().get(8), frame(8));
      assertThat(error).isLessThan(worse);
      assertThat(Files.size(file)).isGreaterThan(smaller);
      worse = error;
      smaller = Files.size(file);
      Files.delete(file);
    }
  }

  /** Pictures of a model, moved along; what a player shows against the frames without loss. */
  @Test
  void highQualityIsCloseToTheFramesWithoutLoss() throws IOException {
    Path mp4 = temp.resolve("a.mp4");
    Path frames = temp.resolve("frames");
    VideoWriter.Settings high = new VideoWriter.Settings(24, 9); // what the word high stands for
    Picture scene =
        Resize.LANCZOS.resize(
            PictureReader.read(Fixture.ROOT.resolve("shapes/0.png")), 3 * WIDTH, 3 * HEIGHT);
    try (VideoWriter lossy = VideoWriter.open(mp4, false, high, TEXTS);
        VideoWriter exact = VideoWriter.open(frames, true, high, TEXTS)) {
      for (int t = 0; t < 33; t++) {
        lossy.write(cut(scene, 2 * t, t));
        exact.write(cut(scene, 2 * t, t));
      }
      lossy.finish();
      exact.finish();
    }
    VideoFile video = VideoFile.read(mp4);
    assertThat(video.fps()).isEqualTo(24);
    assertThat(video.frames()).hasSize(33);
    for (int t = 0; t < 33; t++) {
      Picture shown = video.frames().get(t);
      Picture made = PictureReader.read(frames.resolve(String.format("frame_%05d.png", t)));
      assertThat(shown.width()).isEqualTo(WIDTH);
      assertThat(shown.height()).isEqualTo(HEIGHT);
      assertThat(psnr(shown, made)).as("frame %s", t).isGreaterThan(35);
    }
  }

  /** The part of a picture that begins at a pixel. */
  private static Picture cut(Picture picture, int left, int top) {
    byte[] rgb = new byte[3 * WIDTH * HEIGHT];
    for (int y = 0; y < HEIGHT; y++) {
      int from = 3 * ((top + y) * picture.width() + left);
      System.arraycopy(picture.rgb(), from, rgb, 3 * y * WIDTH, 3 * WIDTH);
    }
    return new Picture(WIDTH, HEIGHT, rgb);
  }

  private static double psnr(Picture a, Picture b) {
    double squares = 0;
    for (int i = 0; i < a.rgb().length; i++) {
      double d = (a.rgb()[i] & 255) - (b.rgb()[i] & 255);
      squares += d * d;
    }
    return 10 * Math.log10(255.0 * 255 * a.rgb().length / squares);
  }

  /** A process that is killed while its temporary file grows. */
  @ParameterizedTest
  @CsvSource({"a.mp4, false", "a.gif, false", "frames, true"}) // WebP is written at the end
  void killedWhileWritingLeavesNothingUnderTheFinalName(String name, boolean folder)
      throws Exception {
    Path target = temp.resolve(name);
    Process process =
        new ProcessBuilder(
                JavaProcess.command(
                    EndlessVideo.class, target.toString(), Boolean.toString(folder)))
            .redirectErrorStream(true)
            .start();
    try {
      long first = grown(process, 0);
      long second = grown(process, first);
      assertThat(second).isGreaterThan(first);
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(names(temp)).singleElement().asString().startsWith(".jdit-");
    write(name, folder, 5, 3, 2); // and is not in the way of the next
  }

  /** Waits until more than so many bytes are written. */
  private long grown(Process process, long bytes) throws Exception {
    long found = bytes;
    for (int i = 0; i < 1200 && found <= bytes; i++) {
      assertThat(process.isAlive()).isTrue();
      Thread.sleep(25);
      try (Stream<Path> files = Files.walk(temp)) {
        found = files.filter(Files::isRegularFile).mapToLong(f -> f.toFile().length()).sum();
      }
    }
    return found;
  }

  @Test
  void gifHasAllFramesAndAComment() throws IOException {
    Path file = write("a.gif", false, 5, 6);
    VideoFile video = VideoFile.read(file);
    assertThat(video.codec()).isEqualTo("gif");
    assertThat(video.frames()).hasSize(6);
    assertThat(VideoFile.difference(video.frames().get(5), frame(5))).isLessThan(30);
    assertThat(Files.readString(file, StandardCharsets.ISO_8859_1))
        .contains(
            new String(
                TEXTS.get("settings").getBytes(StandardCharsets.UTF_8),
                StandardCharsets.ISO_8859_1));
  }

  /** FFmpeg does not read animated WebP: the chunks of the file tell. */
  @Test
  void webpHasAllFramesAndAComment() throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(write("a.webp", false, 5, 6)));
    file.order(ByteOrder.LITTLE_ENDIAN);
    assertThat(file.getInt(4)).isEqualTo(file.capacity() - 8);
    int frames = 0;
    String comment = "";
    for (int at = 12; at < file.capacity(); at += 8 + (file.getInt(at + 4) + 1) / 2 * 2) {
      String chunk = new String(file.array(), at, 4, StandardCharsets.US_ASCII);
      if (chunk.equals("VP8X")) {
        assertThat(1 + (file.getInt(at + 12) & 0xffffff)).isEqualTo(WIDTH);
        assertThat(file.get(at + 8) & 0x06).isEqualTo(0x06); // XMP and animation
      }
      frames += chunk.equals("ANMF") ? 1 : 0;
      if (chunk.equals("XMP ")) {
        comment = new String(file.array(), at + 8, file.getInt(at + 4), StandardCharsets.UTF_8);
      }
    }
    assertThat(frames).isEqualTo(6);
    assertThat(comment).contains("Füchse &amp; &lt;Igel&gt;");
  }

  @Test
  void folderHasTheFramesThemselves() throws IOException {
    Path folder = write("clip", true, 5, 3);
    assertThat(names(folder))
        .containsExactly("frame_00000.png", "frame_00001.png", "frame_00002.png");
    Picture last = PictureReader.read(folder.resolve("frame_00002.png"));
    assertThat(last.rgb()).isEqualTo(frame(2).rgb());
    assertThat(PngText.read(folder.resolve("frame_00000.png"))).containsAllEntriesOf(TEXTS);
    assertThat(write2("clip")).isEqualTo(1); // replaces frames
    Files.writeString(folder.resolve("diary.txt"), "x");
    assertThatThrownBy(() -> write2("clip")).hasMessageContaining("holds other files");
    assertThat(folder.resolve("diary.txt")).exists();
  }

  private int write2(String name) throws IOException {
    VideoWriter.Settings settings = new VideoWriter.Settings(16, 5);
    try (VideoWriter writer = VideoWriter.open(temp.resolve(name), true, settings, TEXTS)) {
      writer.write(frame(0));
      writer.finish();
    }
    return names(temp.resolve(name)).size();
  }

  @Test
  void givenUpLeavesNothing() throws IOException {
    for (String name : new String[] {"a.mp4", "a.gif", "a.webp", "folder"}) {
      VideoWriter.Settings settings = new VideoWriter.Settings(16, 5);
      try (VideoWriter writer =
          VideoWriter.open(temp.resolve(name), name.equals("folder"), settings, TEXTS)) {
        writer.write(frame(0));
      }
      assertThat(names(temp)).isEmpty();
    }
  }

  /** What a broken model draws, at the highest quality. */
  @Test
  void noiseThatH264CannotHoldIsRefusedWithTheWayOut() throws IOException {
    byte[] noise = new byte[3 * WIDTH * HEIGHT];
    new Random(1).nextBytes(noise);
    VideoWriter.Settings settings = new VideoWriter.Settings(16, 10);
    try (VideoWriter w = VideoWriter.open(temp.resolve("a.mp4"), false, settings, TEXTS)) {
      assertThatThrownBy(() -> w.write(new Picture(WIDTH, HEIGHT, noise)))
          .hasMessageContaining("a.mp4: the frames are too noisy for H.264 at this quality");
    }
    assertThat(names(temp)).isEmpty();
  }

  @Test
  void sizesThatH264CannotHoldAreRefused() {
    VideoWriter.Settings settings = new VideoWriter.Settings(16, 5);
    Picture odd = new Picture(3, 2, new byte[18]);
    assertThatThrownBy(
            () -> {
              try (VideoWriter w =
                  VideoWriter.open(temp.resolve("a.mp4"), false, settings, TEXTS)) {
                w.write(odd);
              }
            })
        .hasMessageContaining("needs even numbers");
    assertThatThrownBy(() -> new VideoWriter.Settings(0, 5)).hasMessageContaining("expected");
  }
}
