package io.jdit.tokenizer;

import io.jdit.checkpoint.ModelFormatException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens the tokenizer of a pipeline folder. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Loads the tokenizer in {@code folder} as the class that model_index.json names for it. Nothing
   * is ever downloaded.
   *
   * @param className name of the transformers class, with or without the suffix {@code Fast}
   * @throws ModelFormatException if the class is not known or a file is missing or malformed
   */
  public static Tokenizer load(Path folder, String className) {
    if (!Files.isDirectory(folder)) {
      throw new ModelFormatException(folder + ": expected a tokenizer folder, found none");
    }
    TokenizerFiles files = new TokenizerFiles(folder);
    return switch (className) {
      case "CLIPTokenizer", "CLIPTokenizerFast" -> ClipTokenizer.load(files);
      case "T5Tokenizer", "T5TokenizerFast" -> T5Tokenizer.load(files);
      case "Qwen2Tokenizer", "Qwen2TokenizerFast" -> QwenTokenizer.load(files);
      case "TokenizersBackend", "PreTrainedTokenizerFast", "PixtralProcessor" ->
          JsonTokenizer.load(files);
      default ->
          throw new ModelFormatException(
              folder
                  + ": tokenizer class "
                  + className
                  + " is not supported; known are CLIPTokenizer, T5Tokenizer, Qwen2Tokenizer, PixtralProcessor and"
                  + " TokenizersBackend");
    };
  }
}
