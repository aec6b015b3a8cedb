package io.jdit.config;

import java.util.Collection;
import java.util.Locale;

/** Says what an unknown name was probably meant to be. */
public final class KnownNames {
  private KnownNames() {}

  /**
   * The known name with the smallest edit distance to {@code unknown}, ignoring case; null when
   * there is none.
   */
  public static String nearest(String unknown, Collection<String> known) {
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String candidate : known) {
      int distance =
          editDistance(unknown.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT));
      if (distance < bestDistance) {
        best = candidate;
        bestDistance = distance;
      }
    }
    return best;
  }

  /** An error that names {@code unknown}, the place, and the nearest known name. */
  public static ConfigException unknown(String place, String unknown, Collection<String> known) {
    return new ConfigException(
        place + ": unknown key '" + unknown + "'; did you mean '" + nearest(unknown, known) + "'?");
  }

  /** Insertions, deletions and replacements that turn {@code a} into {@code b} (Levenshtein). */
  static int editDistance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
