package io.jdit.checkpoint;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model on the hub.
 *
 * @param repo {@code org/name}
 * @param revision branch, tag or commit
 */
public record HubId(String repo, String revision) {
  private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]*";
  private static final Pattern FORM =
      Pattern.compile("(" + NAME + "/" + NAME + ")(?:@([^@\\s]+))?");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /**
   * Reads {@code org/name} or {@code org/name@revision}; the default revision is {@code main}. A
   * relative path of two parts has the same form: look for a local folder first.
   */
  public static Optional<HubId> parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches() || text.contains("..") || text.contains("--")) {
      return Optional.empty();
    }
    String revision = matcher.group(2);
    return Optional.of(new HubId(matcher.group(1), revision == null ? "main" : revision));
  }

  /** Whether the revision is a full commit hash, which names one snapshot for ever. */
  boolean isCommit() {
    return COMMIT.matcher(revision).matches();
  }

  /** Name of this model's folder in the cache. */
  String cacheFolder() {
    return "models--" + repo.replace("/", "--");
  }

  @Override
  public String toString() {
    return revision.equals("main") ? repo : repo + "@" + revision;
  }
}
