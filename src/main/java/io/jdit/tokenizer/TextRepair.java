package io.jdit.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Repairs text the way pipelines expect that clean prompts with the Python library ftfy: character
 * references, text in the wrong encoding, ligatures, full-width forms, curly quotes, line breaks,
 * control characters, then NFC. What counts as wrongly decoded is decided by a rule of our own,
 * which does not know all of ftfy's: see {@link #decoded}.
 */
public final class TextRepair {
  private static final Pattern TERMINAL_ESCAPE = Pattern.compile("\u001b\\[[0-9;]*[a-zA-Z]");
  private static final Pattern SINGLE_QUOTES = Pattern.compile("[\u02bc\u2018-\u201b]");
  private static final Pattern DOUBLE_QUOTES = Pattern.compile("[\u201c-\u201f]");
  private static final Pattern LINE_BREAKS = Pattern.compile("\r\n|[\r\u2028\u2029\u0085]");
  private static final Pattern CONTROLS =
      Pattern.compile("[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]");
  private static final Pattern LIGATURES =
      Pattern.compile("[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]");
  private static final Pattern WIDE_OR_NARROW = Pattern.compile("[\u3000\uff01-\uffef]");
  private static final Pattern C1 = Pattern.compile("[\u0080-\u009f]");

  /** A chain of repairs that changes nothing any more ends long before. */
  private static final int MOST_ROUNDS = 16;

  /** Windows-1252 for bytes 80 to 9F; the five that it leaves out are taken as Latin-1. */
  private static final char[] HIGH =
      ("\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d"
              + "\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a"
              + "\u0153\u009d\u017e\u0178")
          .toCharArray();

  private static final String PUNCTUATION =
      "\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u2122\u2039\u203a";

  private static final String MARKS = "\u00a0\u00a9\u00ab\u00ae\u00bb";

  private static final String AFTER_CAPITALS =
      "\u00a0\u00a1\u00a8\u00a9\u00aa\u00ab\u00ae\u00b0\u00b2\u00b3\u00b4\u00b7\u00b9\u00ba\u00bb"
          + "\u00bf\u0160\u0161\u0152\u0153\u017d\u017e\u0178\u0192\u02c6\u02dc";

  private TextRepair() {}

  /** The repaired text. Repairs are made until there is nothing more to do. */
  public static String repair(String text) {
    boolean markup = text.indexOf('<') >= 0; // then "&lt;" is meant as it stands
    String current = text;
    for (int i = 0; i < MOST_ROUNDS; i++) {
      String next = round(current, markup);
      if (next.equals(current)) {
        break;
      }
      current = next;
    }
    return current;
  }

  private static String round(String text, boolean markup) {
    String t = markup ? text : HtmlEntities.resolve(text);
    for (String d = decoded(t); !d.equals(t); d = decoded(t)) {
      t = d; // wrong twice over; every time it gets shorter
    }
    t = C1.matcher(t).replaceAll(m -> String.valueOf(HIGH[m.group().charAt(0) - 0x80]));
    t = TERMINAL_ESCAPE.matcher(t).replaceAll("");
    t = compatible(LIGATURES, t);
    t = compatible(WIDE_OR_NARROW, t);
    t = SINGLE_QUOTES.matcher(t).replaceAll("'");
    t = DOUBLE_QUOTES.matcher(t).replaceAll("\"");
    t = LINE_BREAKS.matcher(t).replaceAll("\n");
    t = withoutLoneSurrogates(t);
    t = CONTROLS.matcher(t).replaceAll("");
    return Normalizer.normalize(t, Normalizer.Form.NFC);
  }

  private static String compatible(Pattern characters, String text) {
    return characters
        .matcher(text)
        .replaceAll(
            m -> Matcher.quoteReplacement(Normalizer.normalize(m.group(), Normalizer.Form.NFKC)));
  }

  private static String withoutLoneSurrogates(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c)
        .forEach(out::appendCodePoint);
    return out.toString();
  }

  /**
   * Decodes UTF-8 that was read as windows-1252 or Latin-1, line by line. Sequences of three and
   * four characters are always repaired. Two characters may be meant, a capital letter and what
   * follows it: they are repaired where another sequence is beside them, where all characters
   * beyond ASCII of their line are in sequences, and where the second one does not follow capital
   * letters in any text.
   */
  private static String decoded(String text) {
    StringBuilder out = new StringBuilder(text.length());
    int start = 0;
    while (start <= text.length()) {
      int end = text.indexOf('\n', start);
      end = end < 0 ? text.length() : end + 1;
      out.append(decodedLine(text.substring(start, end)));
      start = end == text.length() ? end + 1 : end;
    }
    return out.toString();
  }

  private static String decodedLine(String line) {
    int[] lengths = new int[line.length()]; // of the sequence that begins at a character
    int sequences = 0;
    boolean other = false;
    for (int i = 0; i < line.length(); i += Math.max(1, lengths[i])) {
      lengths[i] = sequence(line, i);
      sequences += lengths[i] > 0 ? 1 : 0;
      other |= lengths[i] == 0 && line.charAt(i) > 0x7f;
    }
    boolean all = !other && sequences > 1;
    StringBuilder out = new StringBuilder(line.length());
    boolean neighbour = false; // a sequence ended here
    for (int i = 0; i < line.length(); ) {
      int length = lengths[i];
      boolean next = length > 0 && i + length < line.length() && lengths[i + length] > 0;
      if (length > 0 && (all || neighbour || next || length > 2 || telling(line, i))) {
        out.append(utf8(line, i, length));
      } else {
        out.append(line, i, i + Math.max(1, length));
      }
      neighbour = length > 0;
      i += Math.max(1, length);
    }
    return out.toString();
  }

  /** Whether two characters alone are a wrongly decoded one. */
  private static boolean telling(String line, int at) {
    int first = octet(line.charAt(at));
    char second = line.charAt(at + 1);
    return switch (first) {
      case 0xc2 -> second < 0x100; // else a control character would come out
      case 0xc3 -> PUNCTUATION.indexOf(second) < 0;
      case 0xc4, 0xc5 -> (PUNCTUATION + MARKS).indexOf(second) < 0;
      default -> (PUNCTUATION + AFTER_CAPITALS).indexOf(second) < 0;
    };
  }

  /** Characters of a multi-byte sequence that begins here, 0 for none. */
  private static int sequence(String line, int at) {
    int first = octet(line.charAt(at));
    int length =
        first >= 0xc2 && first <= 0xdf ? 2 : first >> 4 == 0xe ? 3 : first >> 3 == 0x1e ? 4 : 0;
    if (length == 0 || at + length > line.length() || utf8(line, at, length) == null) {
      return 0;
    }
    return length;
  }

  /** Null when it is none. */
  private static String utf8(String line, int at, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      int octet = octet(line.charAt(at + i));
      if (octet < 0x80) {
        return null;
      }
      bytes[i] = (byte) octet;
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
  }

  /** The byte that was read as this character, -1 for none. */
  private static int octet(char c) {
    if (c < 0x100) {
      return c;
    }
    int i = 0;
    while (i < HIGH.length && HIGH[i] != c) {
      i++;
    }
    return i < HIGH.length ? 0x80 + i : -1;
  }
}
