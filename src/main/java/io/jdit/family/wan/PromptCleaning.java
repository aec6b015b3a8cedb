package io.jdit.family.wan;

import io.jdit.tokenizer.HtmlEntities;
import io.jdit.tokenizer.TextRepair;

/** What Wan pipelines do to a prompt before it is tokenized (diffusers' prompt_clean). */
final class PromptCleaning {
  private PromptCleaning() {}

  static String clean(String prompt) {
    String t = HtmlEntities.resolve(HtmlEntities.resolve(TextRepair.repair(prompt)));
    StringBuilder out = new StringBuilder();
    boolean blank = false;
    for (int i = 0; i < t.length(); i++) {
      char c = t.charAt(i);
      if (isBlank(c)) {
        blank = true;
      } else {
        if (blank && out.length() > 0) {
          out.append(' ');
        }
        blank = false;
        out.append(c);
      }
    }
    return out.toString();
  }

  /** White space as Python's str.strip and the pattern \s see it. */
  private static boolean isBlank(char c) {
    return c >= '\t' && c <= '\r'
        || c >= 0x1c && c <= 0x20
        || c == 0x85
        || Character.isSpaceChar(c) && c != 0x180e;
  }
}
