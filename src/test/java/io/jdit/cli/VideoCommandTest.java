package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.testing.Fixture;
import io.jdit.testing.VideoFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code jdit generate} with a model that makes videos. */
class VideoCommandTest {
  @TempDir private Path temp;

  private CommandLineRun generate(String... arguments) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "generate",
                "--model-path",
                Fixture.ROOT.resolve("wan21-t2v-tiny/pipeline").toString(),
                "--output-path",
                temp.toString(),
                "--height=32",
                "--width=48",
                "--num-frames=9",
                "--num-inference-steps=2"));
    all.addAll(Arrays.asList(arguments));
    return CommandLineRun.of(all.toArray(String[]::new));
  }

  private List<String> inFolder() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aPromptBecomesAnMp4WithItsSettings() throws IOException {
    CommandLineRun run = generate("--prompt=a red fox", "--fps=12", "--preview=on");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(inFolder()).hasSize(1);
    assertThat(inFolder().get(0)).startsWith("a_red_fox_").endsWith(".mp4");
    assertThat(run.out()).startsWith(temp.resolve(inFolder().get(0)) + "\n").contains("\u2580");
    VideoFile video = VideoFile.read(temp.resolve(inFolder().get(0)));
    assertThat(video.fps()).isEqualTo(12);
    assertThat(video.frames()).hasSize(9);
    assertThat(video.frames().get(0).width()).isEqualTo(48);
    JsonNode settings = JsonMapper.shared().readTree(video.comment());
    assertThat(settings.path("prompt").asString()).isEqualTo("a red fox");
    assertThat(settings.path("num_frames").asInt()).isEqualTo(9);
    assertThat(settings.path("fps").asInt()).isEqualTo(12);
  }

  /** Another family of videos, whose frames that make up no latent frame are left out. */
  @Test
  void hunyuanVideoMakesTheFramesThatItSays() throws IOException {
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--model-path=" + Fixture.ROOT.resolve("hunyuan-video-tiny/pipeline"),
            "--output-path=" + temp,
            "--height=32",
            "--width=48",
            "--num-frames=12",
            "--num-inference-steps=2",
            "--prompt=an owl",
            "--output-file-name=owl.mp4");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).contains("num_frames 12 became 9");
    VideoFile video = VideoFile.read(temp.resolve("owl.mp4"));
    assertThat(video.frames()).hasSize(9);
    assertThat(video.fps()).isEqualTo(24);
    JsonNode settings = JsonMapper.shared().readTree(video.comment());
    assertThat(settings.path("num_frames").asInt()).isEqualTo(9);
    assertThat(settings.path("guidance_scale").asDouble()).isEqualTo(6);
    assertThat(settings.path("flow_shift").asDouble()).isEqualTo(7);
  }

  /** Brightness by BT.709. */
  private static Picture grey(Picture picture) {
    byte[] rgb = picture.rgb().clone();
    for (int i = 0; i < rgb.length; i += 3) {
      double y =
          0.2126 * (rgb[i] & 0xff) + 0.7152 * (rgb[i + 1] & 0xff) + 0.0722 * (rgb[i + 2] & 0xff);
      rgb[i] = rgb[i + 1] = rgb[i + 2] = (byte) Math.round(y);
    }
    return new Picture(picture.width(), picture.height(), rgb);
  }

  /** The frames that a codec has not touched, and the video of the same request. */
  @Test
  void endingsAndNumbers() throws IOException {
    CommandLineRun run =
        generate("--prompt=fox", "--output-file-name=clip/", "--num-outputs-per-prompt=2");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(inFolder()).containsExactly("clip_0", "clip_1");
    assertThat(temp.resolve("clip_1/frame_00008.png")).exists();
    assertThat(
            generate(
                    "--prompt=fox",
                    "--output-file-name=clip",
                    "--num-outputs-per-prompt=2",
                    "--output-quality=maximum")
                .exitCode())
        .isZero();
    assertThat(inFolder()).containsExactly("clip_0", "clip_0.mp4", "clip_1", "clip_1.mp4");
    for (int i = 0; i < 2; i++) {
      VideoFile video = VideoFile.read(temp.resolve("clip_" + i + ".mp4"));
      Picture shown = video.frames().get(8);
      Picture made = PictureReader.read(temp.resolve("clip_" + i + "/frame_00008.png"));
      // Only brightness: yuv420p halves the resolution of colours, and these are noise.
      assertThat(VideoFile.difference(grey(shown), grey(made))).isLessThan(5);
    }
    for (String name : new String[] {"a.gif", "a.webp"}) {
      assertThat(generate("--prompt=fox", "--output-file-name=" + name).exitCode()).isZero();
      assertThat(temp.resolve(name)).isNotEmptyFile();
    }
  }

  @Test
  void namesOfPicturesAreRefused() throws IOException {
    CommandLineRun run = generate("--prompt=fox", "--output-file-name=fox.png");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("videos are .mp4, .webp or .gif");
    assertThat(inFolder()).isEmpty();
    assertThat(generate("--prompt=fox", "--output-quality=7x").err())
        .contains("expected default, low, medium, high, maximum or 0 to 100, found '7x'");
  }

  @Test
  void batchesWriteVideosAndGoOn() throws IOException {
    Path prompts = temp.resolve("prompts.jsonl");
    Files.writeString(
        prompts,
        """
        {"prompt": "a fox", "fps": 8}
        {"prompt": "an owl", "output_file_name": "owl/"}
        {"prompt": "a hare", "output_file_name": "hare.png"}
        """,
        StandardCharsets.UTF_8);
    CommandLineRun run = generate("--prompt-path=" + prompts);
    assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
    assertThat(run.err()).contains("line 3: output_file_name 'hare.png': videos are");
    assertThat(VideoFile.read(temp.resolve("00001_a_fox.mp4")).fps()).isEqualTo(8);
    assertThat(temp.resolve("owl/frame_00000.png")).exists();
    CommandLineRun again = generate("--prompt-path=" + prompts, "--resume");
    assertThat(again.out()).isEmpty();
    Files.delete(temp.resolve("owl/frame_00004.png"));
    assertThat(generate("--prompt-path=" + prompts, "--resume").out())
        .isEqualTo(temp.resolve("owl") + "\n");
  }
}
