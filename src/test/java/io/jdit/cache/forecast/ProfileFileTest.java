package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProfileFileTest {
  @TempDir Path folder;

  private Path written() throws IOException {
    Path file = folder.resolve("p.json");
    Level level = Profiles.level(2, 0.01, 4);
    Evidence evidence = new Evidence(60, 2.1, 45, 30.5, 0.05, 33.25, 0.9);
    ProfileFile.write(
        Profiles.of(
            Profiles.random(4, 1),
            new Level(2, 0.01, level.norm(), evidence),
            Profiles.level(1.5, 0.001, 4)),
        file);
    return file;
  }

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    ForecastProfile read = ProfileFile.read(written());
    ForecastProfile made = Profiles.of(Profiles.random(4, 1), Profiles.level(2, 0.01, 4));
    assertThat(read.conditions()).isEqualTo(made.conditions());
    assertThat(read.experts().get("transformer"))
        .usingRecursiveComparison()
        .isEqualTo(made.experts().get("transformer"));
    assertThat(read.levels()).extracting(Level::speedup).containsExactly(1.5, 2.0);
    assertThat(read.levels().get(1).evidence().bound()).isEqualTo(33.25);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"format\":\"jdit-forecast-profile-2\", | '' | not a forecast profile",
        "\"prompts\":8 | \"prompts\":\"eight\" | prompts",
        "\"prompts\":8 | \"promts\":8 | Missing creator property",
        "\"guidance\":[1.0] | \"guidance\":[1.0,2.0] | guidance has 2 values, expected 1",
        "\"guidance\":[1.0] | \"guidance\":[1e999] | guidance has a value that is not finite",
        "\"steps\":4 | \"steps\":5 | gram has 4 rows, expected 5",
        "\"dtype\":\"float32\" | \"dtype\":null | dtype",
        "\"speedup\":2.0 | \"speedup\":0.5 | a level has a speedup below 1",
        "{\"format\" | [\"format\" | malformed",
      })
  void oneLineSaysWhatIsWrong(String from, String to, String message) throws IOException {
    Path file = written();
    String text = Files.readString(file, StandardCharsets.UTF_8);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
    assertThatThrownBy(() -> ProfileFile.read(file))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(file + ": ")
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"))
        .satisfies(
            e ->
                assertThat(message.equals("malformed") || e.getMessage().contains(message))
                    .as(e.getMessage())
                    .isTrue());
  }

  @Test
  void aProfileOfAnotherVersionIsNone() throws IOException {
    Path file = written();
    assertThat(ProfileFile.readCurrent(file)).isPresent();
    String text = Files.readString(file, StandardCharsets.UTF_8);
    Files.writeString(file, text.replace("profile-2", "profile-1"));
    assertThat(ProfileFile.readCurrent(file)).isEmpty();
  }

  @Test
  void aMissingFileIsNamed() {
    Path file = folder.resolve("none.json");
    assertThatThrownBy(() -> ProfileFile.read(file)).hasMessage(file + ": no such file");
  }
}
