package io.jdit.cache.forecast;

import io.jdit.config.ConfigException;
import io.jdit.media.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Profiles as JSON: the keys are the names of the records' components, with underscores. */
public final class ProfileFile {
  private static final String FORMAT = "format";
  private static final String NAME = "jdit-forecast-profile-2";
  private static final long MAX_BYTES = 64 << 20;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(
              DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES,
              DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
              DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
              DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private ProfileFile() {}

  /** A part of a profile in one line. */
  public static String line(Object part) {
    return JSON.writeValueAsString(part);
  }

  /** What {@link #line} wrote. */
  public static <T> T parse(String line, Class<T> type) {
    return JSON.readValue(line, type);
  }

  /**
   * @throws ConfigException naming the file and what is wrong in it
   */
  public static ForecastProfile read(Path file) {
    return readCurrent(file)
        .orElseThrow(
            () ->
                new ConfigException(
                    file
                        + ": not a forecast profile of this version: expected \""
                        + FORMAT
                        + "\": \""
                        + NAME
                        + "\"; make one with jdit tune --calibrate"));
  }

  /**
   * As {@link #read}; empty for a file of another version, or of something else.
   *
   * @throws ConfigException naming the file and what is wrong in it
   */
  public static Optional<ForecastProfile> readCurrent(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new ConfigException(file + ": too long for a forecast profile (64 MiB)");
      }
      return of(JSON.readTree(Files.readAllBytes(file)));
    } catch (NoSuchFileException e) {
      throw new ConfigException(file + ": no such file", e);
    } catch (IOException e) {
      throw new ConfigException(file + ": cannot be read: " + e.getMessage(), e);
    } catch (JacksonException e) {
      throw new ConfigException(file + ": " + problem(e), e);
    }
  }

  private static Optional<ForecastProfile> of(JsonNode root) {
    return NAME.equals(root.path(FORMAT).asString(""))
        ? Optional.of(JSON.treeToValue(((ObjectNode) root).without(FORMAT), ForecastProfile.class))
        : Optional.empty();
  }

  private static String problem(JacksonException e) {
    String place =
        e instanceof DatabindException d
            ? d.getPathReference().replaceAll("[\\w.]+\\.(?=\\w+\\[)", "")
            : "";
    Throwable cause = e.getCause() instanceof IllegalArgumentException i ? i : e;
    String text = cause == e ? e.getOriginalMessage() : cause.getMessage();
    String line = text.lines().findFirst().orElse("malformed").replaceFirst(" \\(index .*", "");
    return line + (place.isEmpty() ? "" : " at " + place);
  }

  /** Replaces a file of this name. */
  public static void write(ForecastProfile profile, Path file) throws IOException {
    ObjectNode root = JSON.createObjectNode();
    root.put(FORMAT, NAME);
    root.setAll((ObjectNode) JSON.valueToTree(profile));
    AtomicFile.write(file, JSON.writeValueAsBytes(root));
  }
}
