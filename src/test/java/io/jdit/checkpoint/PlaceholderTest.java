package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlaceholderTest {
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 12345\n";

  @TempDir private Path folder;

  @Test
  void pointersOfGitLfs() throws IOException {
    for (String name : new String[] {"config.json", "x.safetensors"}) {
      Path file = Files.writeString(folder.resolve(name), POINTER);
      assertThatThrownBy(
              () -> {
                if (name.endsWith("json")) {
                  ModelConfig.read(file);
                } else {
                  SafeTensorsFile.open(file);
                }
              })
          .isInstanceOf(ModelFormatException.class)
          .hasMessageStartingWith("file " + file + " is a Git LFS pointer")
          .hasMessageContaining("12345 bytes")
          .hasMessageContaining("git lfs pull");
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      textBlock =
          """
          "<!DOCTYPE html>\n<html><title>Sign in</title>", is an HTML page
          "\uFEFF  \n<HTML lang='en'>", is an HTML page
          "<?xml version='1.0'?><Error><Code>AccessDenied</Code>", is an XML document
          "/annex/objects/SHA256E-s12--00.safetensors", is a pointer to a large file
          "../../.git/annex/objects/aa/bb/SHA256E-s12--00", is a pointer to a large file
          """)
  void whateverTheFile(String contents, String what) throws IOException {
    assertThat(Placeholder.of(contents.getBytes(StandardCharsets.UTF_8)).orElseThrow())
        .startsWith(what);
    Path file = Files.writeString(folder.resolve("x.safetensors"), contents);
    assertThatThrownBy(() -> SafeTensorsFile.open(file)).hasMessageContaining(what);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      textBlock =
          """
          "Invalid username or password.", is a text that begins with 'Invalid username or password.'
          "{""error"": ""Repository not found""}", is a text that begins with '{
          "GGUF\u0003\u0000\u0000\u0000", is a GGUF file
          "PK\u0003\u0004\u0000\u0000\u0008\u0008", is a PyTorch checkpoint
          "", is empty
          """)
  void inPlaceOfWeights(String contents, String what) throws IOException {
    Path file =
        Files.write(
            folder.resolve("x.safetensors"), contents.getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> SafeTensorsFile.open(file))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith("file " + file + " " + what);
  }

  @Test
  void filesThatAreWhatTheySay() {
    for (String text : new String[] {"{}", "#version: 0.2\nh e\n", "a b", "\u0008\u0001"}) {
      assertThat(Placeholder.of(text.getBytes(StandardCharsets.UTF_8))).isEmpty();
    }
  }
}
