package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;

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
}
