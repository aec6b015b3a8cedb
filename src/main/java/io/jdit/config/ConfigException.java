package io.jdit.config;

/** A configuration that cannot be used; the message is one line for the person who wrote it. */
public class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public ConfigException(String message) {
    super(oneLine(message));
  }

  public ConfigException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** Names from documents may hold anything; an error stays one line of printable text. */
  private static String oneLine(String message) {
    return message.replaceAll("\\s*\\R\\s*", " ").replaceAll("[\\p{Cntrl}\u0085\u2028\u2029]", "?");
  }
}
