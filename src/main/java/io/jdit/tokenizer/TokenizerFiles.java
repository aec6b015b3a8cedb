package io.jdit.tokenizer;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Placeholder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The tokenizer files of one model folder, read with a bound on their size. */
record TokenizerFiles(Path folder) {
  // The largest published vocabularies take about 40 MB as tokenizer.json.
  private static final long MAX_BYTES = 128L << 20;
  private static final JsonMapper JSON = JsonMapper.builder().build();

  boolean has(String name) {
    return Files.isRegularFile(folder.resolve(name));
  }

  /** The named JSON object; an empty one when the file is absent. */
  ObjectNode optionalJson(String name) {
    return has(name) ? json(name) : JSON.createObjectNode();
  }

  ObjectNode json(String name) {
    JsonNode root;
    try {
      root = JSON.readTree(bytes(name));
    } catch (JacksonException e) {
      throw malformed(name, "not valid JSON: " + e.getOriginalMessage());
    }
    if (root instanceof ObjectNode object) {
      return object;
    }
    throw malformed(name, "expected a JSON object, found " + root.getNodeType());
  }

  String text(String name) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(name))).toString();
    } catch (CharacterCodingException e) {
      throw malformed(name, "not valid UTF-8");
    }
  }

  byte[] bytes(String name) {
    Path file = folder.resolve(name);
    try {
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw malformed(name, size + " bytes, expected at most " + MAX_BYTES);
      }
      byte[] contents = Files.readAllBytes(file);
      Optional<String> placeholder = Placeholder.of(contents);
      if (placeholder.isPresent()) {
        throw new ModelFormatException("file " + file + " " + placeholder.get());
      }
      return contents;
    } catch (IOException e) {
      throw malformed(name, "cannot be read: " + e);
    }
  }

  ModelFormatException malformed(String name, String what) {
    return new ModelFormatException(
        folder.resolve(name) + ": " + what.lines().findFirst().orElse("unknown error"));
  }
}
