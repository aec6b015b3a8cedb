package io.jdit.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Damaged files either load as something else or are refused in one line; nothing hangs or ends the
 * process.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TokenizerFuzzTest {
  private static final Path PIPELINE =
      Path.of("src/test/resources/fixtures/flux1-schnell-tiny/pipeline");
  private static final int ROUNDS = Integer.getInteger("jdit.fuzz.rounds", 40);
  private static final String TEXT = "Café ﬁne 日本 🦊 ½ </s> it's 1024×2";

  @TempDir Path temp;

  @ParameterizedTest
  @CsvSource({
    "tokenizer, vocab.json, CLIPTokenizer",
    "tokenizer, merges.txt, CLIPTokenizer",
    "tokenizer, special_tokens_map.json, CLIPTokenizer",
    "tokenizer, tokenizer_config.json, CLIPTokenizer",
    "tokenizer_2, tokenizer.json, T5Tokenizer",
    "tokenizer_2, tokenizer.json, TokenizersBackend",
    "tokenizer_2, tokenizer_config.json, T5Tokenizer",
    "tokenizer_2, spiece.model, T5Tokenizer"
  })
  void damagedFile(String part, String name, String className) throws IOException {
    long seed = Long.getLong("jdit.fuzz.seed", System.nanoTime());
    System.out.println("seed of " + name + " as " + className + ": " + seed);
    Random random = new Random(seed);
    copy(PIPELINE.resolve(part), name.equals("spiece.model") ? "tokenizer.json" : "");
    byte[] sound = Files.readAllBytes(temp.resolve(name));
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Files.write(temp.resolve(name), damage(sound, random));
      try (Tokenizer tokenizer = Tokenizers.load(temp, className)) {
        assertThat(tokenizer.encode(TEXT, 32).ids()).hasSize(32);
      } catch (ModelFormatException e) {
        assertThat(e.getMessage()).startsWith(temp.toString()).doesNotContain("\n");
        refused++;
      }
    }
    assertThat(refused).as("refused of %d with seed %d", ROUNDS, seed).isPositive();
  }

  @Test
  void emptyAndRandomFiles() throws IOException {
    long seed = System.nanoTime();
    System.out.println("seed of random files: " + seed);
    Random random = new Random(seed);
    for (int size : new int[] {0, 1, 7, 1000}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(temp.resolve("spiece.model"), bytes);
      assertThatThrownBy(() -> Tokenizers.load(temp, "T5Tokenizer"))
          .isInstanceOf(ModelFormatException.class);
      Files.write(temp.resolve("vocab.json"), bytes);
      Files.write(temp.resolve("merges.txt"), bytes);
      assertThatThrownBy(() -> Tokenizers.load(temp, "CLIPTokenizer"))
          .isInstanceOf(ModelFormatException.class);
    }
  }

  /** The native engine would end the process on this one. */
  @Test
  void normalizerWithoutItsCharacterMap() throws IOException {
    Files.writeString(
        temp.resolve("tokenizer.json"),
        "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Precompiled\"}]},"
            + " \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<pad>\", 0.0]]}}");
    assertThatThrownBy(() -> Tokenizers.load(temp, "TokenizersBackend"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("precompiled_charsmap: 0 bytes");
  }

  @Test
  void deeplyNestedJson() throws IOException {
    Files.writeString(temp.resolve("tokenizer.json"), "[".repeat(200_000));
    assertThatThrownBy(() -> Tokenizers.load(temp, "T5Tokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("tokenizer.json");
  }

  private static byte[] damage(byte[] sound, Random random) {
    byte[] bytes = sound.clone();
    switch (random.nextInt(4)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> {
        for (int i = random.nextInt(8); i >= 0; i--) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
      }
      case 2 -> {
        int from = random.nextInt(bytes.length);
        int length = random.nextInt(Math.min(64, bytes.length - from) + 1);
        byte[] cut = new byte[bytes.length - length];
        System.arraycopy(bytes, 0, cut, 0, from);
        System.arraycopy(bytes, from + length, cut, from, cut.length - from);
        bytes = cut;
      }
      default -> {
        // Digits for digits and letters for letters: still well-formed, with other values.
        for (int i = random.nextInt(20); i >= 0; i--) {
          int at = random.nextInt(bytes.length);
          if (Character.isDigit(bytes[at])) {
            bytes[at] = (byte) ('0' + random.nextInt(10));
          } else if (Character.isLetter(bytes[at])) {
            bytes[at] = (byte) ('a' + random.nextInt(26));
          }
        }
      }
    }
    return bytes;
  }

  private void copy(Path folder, String without) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (!file.getFileName().toString().equals(without)) {
          Files.copy(file, temp.resolve(file.getFileName()));
        }
      }
    }
  }
}
