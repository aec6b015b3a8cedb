package io.jdit.checkpoint;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the variables of huggingface_hub and of the libraries around it say, read as huggingface_hub
 * 1.x reads them. An empty variable counts as unset. Nothing is checked before it is asked for: a
 * wrong endpoint is no matter to a run that needs no network.
 */
final class HubEnvironment {
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final String SILENT = "HF_HUB_DISABLE_IMPLICIT_TOKEN";

  private final Map<String, String> variables;

  HubEnvironment(Map<String, String> variables) {
    this.variables = Map.copyOf(variables);
  }

  Map<String, String> variables() {
    return variables;
  }

  private String value(String name) {
    return variables.getOrDefault(name, "");
  }

  private Optional<Path> path(String name) {
    return value(name).isEmpty()
        ? Optional.empty()
        : Optional.of(ShellPath.of(value(name), variables));
  }

  private boolean isTrue(String name) {
    return TRUE.contains(value(name).toUpperCase(Locale.ROOT));
  }

  /** Folder of cache and token: HF_HOME, or huggingface in the user's cache folder. */
  Path home() {
    return path("HF_HOME")
        .or(() -> path("XDG_CACHE_HOME").map(cache -> cache.resolve("huggingface")))
        .orElseGet(() -> Path.of(ShellPath.home(variables), ".cache", "huggingface"));
  }

  /** Folder of models: HF_HUB_CACHE, its older name HUGGINGFACE_HUB_CACHE, or hub in the home. */
  Path cache() {
    return path("HF_HUB_CACHE")
        .or(() -> path("HUGGINGFACE_HUB_CACHE"))
        .orElseGet(() -> home().resolve("hub"));
  }

  /** The variable that forbids the network; HF_HUB_OFFLINE decides where it is set. */
  Optional<String> offlineSwitch() {
    if (!value("HF_HUB_OFFLINE").isEmpty()) {
      return Optional.of("HF_HUB_OFFLINE").filter(this::isTrue);
    }
    return List.of("TRANSFORMERS_OFFLINE", "DIFFUSERS_OFFLINE").stream()
        .filter(this::isTrue)
        .findFirst();
  }

  URI endpoint() {
    String base = value("HF_ENDPOINT").isEmpty() ? "https://huggingface.co" : value("HF_ENDPOINT");
    if (!base.matches("https?://([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:]+])(:\\d+)?(/[A-Za-z0-9._~/-]*)?")) {
      throw new HubException(
          "HF_ENDPOINT="
              + base.replaceFirst("//[^/]*@", "//...@") // what may be a password
              + " is not of the form https://host");
    }
    return URI.create(base.replaceFirst("/+$", ""));
  }

  /** The access token that goes with requests; empty for none. */
  String token() {
    return isTrue(SILENT) ? "" : storedToken();
  }

  /** For messages: whether there is a token, in words. */
  String tokenState() {
    if (storedToken().isEmpty()) {
      return "not set now";
    }
    return isTrue(SILENT)
        ? "set now, but " + SILENT + " keeps it from being sent"
        : "the one set now has no access";
  }

  /** Where the token comes from, for reports: never the token itself. */
  String tokenOrigin() {
    String origin =
        tokenVariable().orElseGet(() -> storedToken().isEmpty() ? "none" : "of " + tokenFile());
    return isTrue(SILENT) && !origin.equals("none")
        ? origin + ", not sent: " + SILENT + "=" + value(SILENT)
        : origin;
  }

  private Optional<String> tokenVariable() {
    return List.of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN").stream()
        .filter(name -> !value(name).isBlank())
        .findFirst();
  }

  private Path tokenFile() {
    return path("HF_TOKEN_PATH").orElseGet(() -> home().resolve("token"));
  }

  private String storedToken() {
    Optional<String> variable = tokenVariable();
    if (variable.isPresent()) {
      return value(variable.get()).strip();
    }
    Path file = tokenFile();
    try {
      return Files.isRegularFile(file) ? Files.readString(file).strip() : "";
    } catch (IOException e) {
      throw new HubException(file + ": the access token cannot be read: " + e);
    }
  }

  /** How long the hub may take to describe a model or a file. */
  Duration etagTimeout() {
    return seconds("HF_HUB_ETAG_TIMEOUT");
  }

  /** How long the hub may stay silent while it sends a file. */
  Duration downloadTimeout() {
    return seconds("HF_HUB_DOWNLOAD_TIMEOUT");
  }

  private Duration seconds(String name) {
    String text = value(name).isEmpty() ? "0" : value(name);
    try {
      double seconds = Double.parseDouble(text);
      return Duration.ofMillis((long) (1000 * (seconds > 0 ? seconds : 10)));
    } catch (NumberFormatException e) {
      throw new HubException(name + "=" + text + " is not a number of seconds");
    }
  }
}
