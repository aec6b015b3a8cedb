package io.jdit.config;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Reads a YAML or JSON document into a tree. */
public final class ConfigFile {
  /** A configuration is written by hand; anything longer is a mistaken path. */
  private static final long MAX_BYTES = 1 << 20;

  private static final ObjectMapper YAML =
      YAMLMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private ConfigFile() {}

  /**
   * Reads {@code file}: JSON when its name ends in {@code .json}, else YAML.
   *
   * @throws ConfigException when it is missing, too long, not UTF-8 or malformed, naming the file
   *     and where possible line and column
   */
  public static JsonNode read(Path file) {
    String text;
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new ConfigException(
            file + ": " + Files.size(file) + " bytes are too many for a configuration (1 MiB)");
      }
      text = Files.readString(file, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new ConfigException(file + ": no such file", e);
    } catch (CharacterCodingException e) {
      throw new ConfigException(file + ": not a text file in UTF-8", e);
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e.getMessage(), e);
    }
    boolean json = file.toString().toLowerCase(Locale.ROOT).endsWith(".json");
    return parse(json ? JSON : YAML, text, file.toString());
  }

  /**
   * Reads YAML, of which JSON is a part.
   *
   * @param name what errors call the document
   * @throws ConfigException when it is malformed, naming line and column
   */
  public static JsonNode parse(String text, String name) {
    return parse(YAML, text, name);
  }

  private static JsonNode parse(ObjectMapper mapper, String text, String name) {
    try {
      return mapper.readTree(text);
    } catch (JacksonException e) {
      var at = e.getLocation();
      String place =
          at == null || at.getLineNr() < 1
              ? ""
              : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new ConfigException(name + place + ": " + problem(e), e);
    }
  }

  /** The sentence that names the problem; the YAML parser wraps it in excerpts of the text. */
  private static String problem(JacksonException e) {
    if (e instanceof MismatchedInputException) {
      return "more than one document";
    }
    String problem = "malformed";
    for (String line : String.valueOf(e.getOriginalMessage()).lines().toList()) {
      if (!line.isBlank() && !line.startsWith(" ")) {
        problem = line.strip();
      }
    }
    return problem;
  }
}
