package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Expands {@code ~}, {@code ~user}, {@code $NAME} and <code>${NAME}</code> in paths, as Python's
 * {@code os.path.expanduser} and {@code expandvars} do: job files and container definitions set
 * variables that no shell has expanded. What is not known stays as it is.
 */
public final class ShellPath {
  private static final Pattern VARIABLE = Pattern.compile("\\$(?:([A-Za-z0-9_]+)|\\{([^}]*)})");
  private static final Path ACCOUNTS = Path.of("/etc/passwd");

  private ShellPath() {}

  public static Path of(String text, Map<String, String> environment) {
    return Path.of(expand(text, environment));
  }

  static String expand(String text, Map<String, String> environment) {
    return VARIABLE
        .matcher(expandHome(text, environment))
        .replaceAll(
            m -> {
              String name = m.group(1) == null ? m.group(2) : m.group(1);
              return Matcher.quoteReplacement(environment.getOrDefault(name, m.group()));
            });
  }

  private static String expandHome(String text, Map<String, String> environment) {
    if (!text.startsWith("~")) {
      return text;
    }
    int end = text.indexOf('/') < 0 ? text.length() : text.indexOf('/');
    String user = text.substring(1, end);
    String home = user.isEmpty() ? home(environment) : homeOf(user);
    if (home.isEmpty()) {
      return text;
    }
    String rest = text.substring(end);
    return rest.isEmpty() ? home : home.replaceFirst("/+$", "") + rest;
  }

  /** The user's home folder: HOME, else what the system says. */
  static String home(Map<String, String> environment) {
    String home = environment.getOrDefault("HOME", "");
    return home.isEmpty() ? System.getProperty("user.home") : home;
  }

  private static String homeOf(String user) {
    try (Stream<String> lines = Files.lines(ACCOUNTS)) {
      return lines
          .map(line -> line.split(":"))
          .filter(fields -> fields.length > 5 && fields[0].equals(user))
          .map(fields -> fields[5])
          .findFirst()
          .orElse("");
    } catch (IOException e) {
      return "";
    }
  }
}
