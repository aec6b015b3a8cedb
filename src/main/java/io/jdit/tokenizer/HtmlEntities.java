package io.jdit.tokenizer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Character references of HTML, resolved as the HTML standard and Python's html.unescape do. */
public final class HtmlEntities {
  /** Name, with its semicolon where it needs one, and code points, of every named reference. */
  private static final String TABLE = "/io/jdit/tokenizer/html-entities.txt";

  private static final Pattern REFERENCE =
      Pattern.compile("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\\t\\n\\f <&#;]{1,32};?)");

  /** What bytes 80 to 9F are in windows-1252; those without a character stand for themselves. */
  private static final String WINDOWS_1252 =
      "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d"
          + "\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153"
          + "\u009d\u017e\u0178";

  private static final int MAX_CODE_POINT_DIGITS = 7;

  private HtmlEntities() {}

  private static final class Named {
    static final Map<String, String> BY_NAME = read();

    private static Map<String, String> read() {
      Map<String, String> names = new HashMap<>();
      try (InputStream in = HtmlEntities.class.getResourceAsStream(TABLE);
          BufferedReader lines =
              new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          String[] words = line.split(" ");
          StringBuilder text = new StringBuilder();
          for (int i = 1; i < words.length; i++) {
            text.appendCodePoint(Integer.parseInt(words[i], 16));
          }
          names.put(words[0], text.toString());
        }
        return names;
      } catch (IOException e) {
        throw new IllegalStateException(TABLE + " cannot be read", e);
      }
    }
  }

  /** The text with every reference resolved once; what is none stays as it is. */
  public static String resolve(String text) {
    if (text.indexOf('&') < 0) {
      return text;
    }
    Matcher m = REFERENCE.matcher(text);
    StringBuilder out = new StringBuilder();
    while (m.find()) {
      String body = m.group(1);
      String replacement =
          body.charAt(0) == '#' ? numeric(body.substring(1)) : named(body, m.group());
      m.appendReplacement(out, Matcher.quoteReplacement(replacement));
    }
    return m.appendTail(out).toString();
  }

  private static String numeric(String body) {
    String digits = body.endsWith(";") ? body.substring(0, body.length() - 1) : body;
    boolean hex = digits.charAt(0) == 'x' || digits.charAt(0) == 'X';
    String significant = (hex ? digits.substring(1) : digits).replaceFirst("^0+(?=.)", "");
    int code =
        significant.length() > MAX_CODE_POINT_DIGITS
            ? Integer.MAX_VALUE
            : Integer.parseInt(significant, hex ? 16 : 10);
    if (code >= 0x80 && code <= 0x9f) {
      return WINDOWS_1252.substring(code - 0x80, code - 0x7f);
    }
    if (code == 0 || code > Character.MAX_CODE_POINT || code >= 0xd800 && code <= 0xdfff) {
      return "\ufffd";
    }
    boolean control = code < 0x20 && code != '\t' && code != '\n' && code != '\f' && code != '\r';
    boolean noncharacter = code >= 0xfdd0 && code <= 0xfdef || (code & 0xfffe) == 0xfffe;
    return control || code == 0x7f || noncharacter ? "" : Character.toString(code);
  }

  /** The longest name that the text begins with; some need no semicolon. */
  private static String named(String body, String whole) {
    for (int length = body.length(); length > 1; length--) {
      String text = Named.BY_NAME.get(body.substring(0, length));
      if (text != null) {
        return text + body.substring(length);
      }
    }
    return whole;
  }
}
