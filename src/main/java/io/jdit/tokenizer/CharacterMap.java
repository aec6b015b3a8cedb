package io.jdit.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.BitSet;

/**
 * The precompiled character map of SentencePiece: a little-endian uint32 with the byte length of a
 * trie, the trie as a double array of uint32 units (darts-clone layout), then the replacement
 * texts, each ended by a zero byte.
 *
 * <p>The native engine walks the trie without bounds checks that it could recover from: a damaged
 * map would end the process, so a map is verified before the engine sees it.
 */
final class CharacterMap {
  private CharacterMap() {}

  /**
   * Walks every path of the trie.
   *
   * @throws IllegalArgumentException if a path leaves the trie or names a replacement text that
   *     does not exist
   */
  static void verify(byte[] map) {
    if (map.length < 4) {
      throw new IllegalArgumentException(map.length + " bytes, expected at least 4");
    }
    ByteBuffer buffer = ByteBuffer.wrap(map).order(ByteOrder.LITTLE_ENDIAN);
    long trieBytes = Integer.toUnsignedLong(buffer.getInt());
    if (trieBytes % 4 != 0 || trieBytes == 0 || trieBytes > map.length - 4) {
      throw new IllegalArgumentException(
          "trie of " + trieBytes + " bytes in a map of " + map.length + " bytes");
    }
    int[] units = new int[(int) trieBytes / 4];
    buffer.asIntBuffer().get(units);
    int textStart = 4 + (int) trieBytes;
    try {
      StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(map, textStart, map.length - textStart));
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("replacement texts are not valid UTF-8");
    }
    walk(units, map, textStart);
  }

  private static void walk(int[] units, byte[] map, int textStart) {
    BitSet seen = new BitSet(units.length);
    ArrayDeque<Integer> bases = new ArrayDeque<>();
    bases.add(offset(units[0]));
    while (!bases.isEmpty()) {
      int base = bases.pop();
      // Any byte may follow, so the whole block of 256 siblings must exist.
      if (base < 0 || (base | 0xff) >= units.length) {
        throw new IllegalArgumentException("trie node " + base + " of " + units.length);
      }
      if (seen.get(base)) {
        continue;
      }
      seen.set(base);
      for (int label = 1; label < 256; label++) {
        int unit = units[base ^ label];
        if ((unit & 0x800000ff) != label) {
          continue;
        }
        int next = base ^ label ^ offset(unit);
        if ((unit & 0x100) != 0) {
          verifyLeaf(units, next, map, textStart);
        }
        bases.push(next);
      }
    }
  }

  private static void verifyLeaf(int[] units, int node, byte[] map, int textStart) {
    if (node < 0 || node >= units.length) {
      throw new IllegalArgumentException("trie node " + node + " of " + units.length);
    }
    long at = textStart + (units[node] & 0x7fffffffL);
    // A replacement starts at a character: not at a continuation byte of UTF-8.
    if (at >= map.length || (map[(int) at] & 0xc0) == 0x80) {
      throw new IllegalArgumentException(
          "replacement text at " + at + " of a map of " + map.length + " bytes");
    }
  }

  private static int offset(int unit) {
    return (unit >>> 10) << ((unit & 0x200) >>> 6);
  }
}
