package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OutputNamesTest {
  private static final LocalDateTime TIME = LocalDateTime.of(2026, 1, 2, 3, 4, 5);

  @Test
  void generatedFromThePrompt() {
    // SHA-256 of "abc" begins with ba7816bf.
    assertThat(OutputNames.generated("Un café, s'il vous plaît!", TIME, "abc", "png"))
        .isEqualTo("Un_cafe_s_il_vous_plait_20260102-030405_ba7816bf.png");
    assertThat(OutputNames.generated("日本語", TIME, "abc", "jpg"))
        .isEqualTo("20260102-030405_ba7816bf.jpg");
    assertThat(OutputNames.generated("../../etc/passwd", TIME, "abc", "jpg"))
        .isEqualTo("etc_passwd_20260102-030405_ba7816bf.jpg");
    assertThat(OutputNames.generated(" ", TIME, "abc", "jpg"))
        .isEqualTo("output_20260102-030405.jpg");
  }

  @Test
  void longPrompts() {
    assertThat(OutputNames.generated("🦊".repeat(99) + "x".repeat(9), TIME, "abc", "png"))
        .isEqualTo("x_20260102-030405_ba7816bf.png");
    assertThat(OutputNames.normalize("a".repeat(149) + "._" + "b")).isEqualTo("a".repeat(149));
  }

  @ParameterizedTest
  @CsvSource({
    "fox, fox.jpg",
    "fox.png, fox.png",
    "fox.PNG, fox.PNG",
    "a.b/fox, a.b/fox.jpg",
    "fox.v2, fox.v2.jpg"
  })
  void explicitNames(String given, String expected) {
    assertThat(OutputNames.explicit(given, "jpg")).isEqualTo(expected);
  }

  @Test
  void indexOfSeveralPictures() {
    assertThat(OutputNames.indexed("out/fox.png", 0, 1)).isEqualTo("out/fox.png");
    assertThat(OutputNames.indexed("out/fox.png", 2, 3)).isEqualTo("out/fox_2.png");
    assertThat(OutputNames.indexed("out.d/fox", 0, 2)).isEqualTo("out.d/fox_0");
  }

  @ParameterizedTest
  @CsvSource({
    "PICTURE, fox, fox.png",
    "PICTURE, fox.jpg, fox.jpg",
    "VIDEO, fox, fox.mp4",
    "VIDEO, fox.MP4, fox.MP4",
    "VIDEO, fox.gif, fox.gif",
    "VIDEO, fox.webp, fox.webp",
    "VIDEO, fox/, fox/",
  })
  void endingsOfKinds(OutputKind kind, String given, String expected) {
    assertThat(OutputNames.file("--name", given, kind)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "PICTURE, fox.mp4, 'pictures are .png, .jpg or .webp'",
    "PICTURE, fox/, 'pictures are .png, .jpg or .webp'",
    "VIDEO, fox.png, 'videos are .mp4, .webp or .gif, or a folder of PNG files with / at the end'",
    "VIDEO, a/fox.mp4, is not a plain name",
    ", a/fox.mp4, is not a plain name"
  })
  void whatAKindIsNotWrittenTo(OutputKind kind, String given, String message) {
    assertThatThrownBy(() -> OutputNames.file("--name", given, kind))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("--name '" + given + "'")
        .hasMessageContaining(message);
  }

  @Test
  void foldersHaveTheirNumberAheadOfTheSlash() {
    assertThat(OutputNames.indexed("fox/", 2, 3)).isEqualTo("fox_2/");
    assertThat(OutputNames.numbered("fox/", 7)).isEqualTo("fox_00007/");
  }
}
