package io.jdit.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizersTest {
  private static final Path TINY = Path.of("src/test/resources/fixtures/flux1-dev-tiny/pipeline");
  private static final Path SHAPES = Path.of("models/shapes");

  @TempDir Path temp;

  @Test
  void overflowIsTheEndOfTheText() {
    try (Tokenizer clip = Tokenizers.load(TINY.resolve("tokenizer"), "CLIPTokenizer")) {
      // "two boats!" has the ids bos 83 86 334 536 64 566 256 eos: "boats" starts at the fourth.
      assertThat(clip.encode("Two  🦊 boats!", 77).truncated()).isFalse();
      TokenIds cut = clip.encode("two boats!", 5);
      assertThat(cut.ids()).containsExactly(695, 83, 86, 334, 696);
      assertThat(cut.dropped()).isEqualTo(4);
      assertThat(cut.overflow()).isEqualTo("boats!");
      assertThat(clip.encode("🦊 two boats!", 9).overflow()).isEqualTo("boats!");
    }
    try (Tokenizer t5 = Tokenizers.load(TINY.resolve("tokenizer_2"), "T5TokenizerFast")) {
      // The fixture has "two boats!" as 23 233 191 45 5 2 </s>.
      TokenIds cut = t5.encode("two boats!", 6);
      assertThat(cut.ids()).containsExactly(23, 233, 191, 45, 5, 1);
      assertThat(cut.length()).isEqualTo(6);
      assertThat(cut.overflow()).isEqualTo("!");
    }
  }

  @Test
  void noRoomForSpecialTokens() {
    try (Tokenizer clip = Tokenizers.load(TINY.resolve("tokenizer"), "CLIPTokenizer")) {
      assertThat(clip.encode("two boats!", 2).ids()).containsExactly(695, 696);
      assertThatThrownBy(() -> clip.encode("two boats!", 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("maxLength 1");
    }
  }

  @Test
  void limitsAndPadding() {
    try (Tokenizer clip = Tokenizers.load(TINY.resolve("tokenizer"), "CLIPTokenizer");
        Tokenizer t5 = Tokenizers.load(TINY.resolve("tokenizer_2"), "T5TokenizerFast")) {
      assertThat(clip.modelMaxLength()).isEqualTo(77);
      assertThat(clip.padId()).isEqualTo(696);
      assertThat(t5.modelMaxLength()).isEqualTo(512);
      assertThat(t5.padId()).isZero();
    }
  }

  /**
   * The folder's tokenizer.json was written by transformers: run as it stands it must give the same
   * ids.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "a red circle on a white background",
        "",
        "<|endoftext|> It's <|STARTOFTEXT|>!!'s",
        "éÉ ½ 3.14"
      })
  void derivedClipDefinitionEqualsTheSavedOne(String text) {
    Path folder = SHAPES.resolve("tokenizer");
    try (Tokenizer derived = Tokenizers.load(folder, "CLIPTokenizer");
        Tokenizer saved = Tokenizers.load(folder, "TokenizersBackend")) {
      assertThat(derived.encode(text)).isEqualTo(saved.encode(text));
      assertThat(derived.encode(text)).startsWith(710).endsWith(711);
    }
  }

  @Test
  void textThatIsNotUnicode() {
    try (Tokenizer t5 = Tokenizers.load(TINY.resolve("tokenizer_2"), "T5Tokenizer")) {
      assertThat(t5.encode("\0")).endsWith(1);
      assertThat(t5.encode("two \ud800boats!")).startsWith(23, 233).endsWith(45, 5, 2, 1);
    }
  }

  @Test
  void tokensInTheLayoutOfThePublishedFile() {
    // Layout (b) marks a word beside a special token with U+2581 (id 3 alone), layout (a) of this
    // very file does not.
    try (Tokenizer t5 = Tokenizers.load(TINY.resolve("tokenizer_2"), "T5Tokenizer");
        Tokenizer file = Tokenizers.load(TINY.resolve("tokenizer_2"), "TokenizersBackend")) {
      assertThat(t5.encode("x</s>x")).containsExactly(3, 97, 1, 3, 97, 1);
      assertThat(file.encode("x</s>x").length).isLessThan(t5.encode("x</s>x").length);
    }
  }

  @Test
  void missingFiles() {
    assertThatThrownBy(() -> Tokenizers.load(temp, "CLIPTokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("no vocab.json with merges.txt");
    assertThatThrownBy(() -> Tokenizers.load(temp, "T5Tokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("no spiece.model");
    assertThatThrownBy(() -> Tokenizers.load(temp, "BertTokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("BertTokenizer is not supported");
    assertThatThrownBy(() -> Tokenizers.load(temp.resolve("absent"), "CLIPTokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("expected a tokenizer folder");
  }

  @Test
  void specialTokenOutsideTheVocabulary() throws IOException {
    Files.copy(TINY.resolve("tokenizer/vocab.json"), temp.resolve("vocab.json"));
    Files.copy(TINY.resolve("tokenizer/merges.txt"), temp.resolve("merges.txt"));
    Files.writeString(
        temp.resolve("tokenizer_config.json"), "{\"pad_token\": {\"content\": \"<nil>\"}}");
    assertThatThrownBy(() -> Tokenizers.load(temp, "CLIPTokenizer"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("pad_token \"<nil>\" is not in the vocabulary of 697 tokens");
  }
}
