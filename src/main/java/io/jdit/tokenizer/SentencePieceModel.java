package io.jdit.tokenizer;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A SentencePiece model file (protocol buffer message {@code ModelProto}), as far as a unigram
 * tokenizer needs it.
 *
 * @param pieces in the order of their ids
 * @param characterMap normalizer_spec.precompiled_charsmap, empty when the model does not normalize
 */
record SentencePieceModel(List<Piece> pieces, byte[] characterMap) {
  /** One vocabulary entry with its log probability. */
  record Piece(String text, float score) {}

  private static final int UNIGRAM = 1;
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /**
   * @throws IllegalArgumentException if the bytes are not a unigram SentencePiece model
   */
  static SentencePieceModel parse(byte[] file) {
    try {
      return parse(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN));
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("ends in the middle of a field");
    }
  }

  private static SentencePieceModel parse(ByteBuffer in) {
    List<Piece> pieces = new ArrayList<>();
    byte[] characterMap = new byte[0];
    int modelType = UNIGRAM;
    while (in.hasRemaining()) {
      int tag = tag(in);
      if (tag == tag(1, BYTES)) {
        pieces.add(piece(message(in), pieces.size()));
      } else if (tag == tag(2, BYTES)) {
        modelType = modelType(message(in));
      } else if (tag == tag(3, BYTES)) {
        characterMap = characterMap(message(in));
      } else {
        skip(in, tag);
      }
    }
    if (modelType != UNIGRAM) {
      throw new IllegalArgumentException(
          "model_type " + modelType + ", expected " + UNIGRAM + " (unigram)");
    }
    if (pieces.isEmpty()) {
      throw new IllegalArgumentException("holds no pieces");
    }
    return new SentencePieceModel(List.copyOf(pieces), characterMap);
  }

  private static Piece piece(ByteBuffer in, int id) {
    String text = "";
    float score = 0;
    while (in.hasRemaining()) {
      int tag = tag(in);
      if (tag == tag(1, BYTES)) {
        text = utf8(message(in), id);
      } else if (tag == tag(2, FIXED32)) {
        score = in.getFloat();
      } else {
        skip(in, tag);
      }
    }
    if (text.isEmpty() || !Float.isFinite(score)) {
      throw new IllegalArgumentException(
          "piece "
              + id
              + " is \""
              + text
              + "\" with score "
              + score
              + ", expected text and a finite score");
    }
    return new Piece(text, score);
  }

  private static int modelType(ByteBuffer in) {
    int type = UNIGRAM;
    while (in.hasRemaining()) {
      int tag = tag(in);
      if (tag == tag(3, VARINT)) {
        type = (int) varint(in);
      } else {
        skip(in, tag);
      }
    }
    return type;
  }

  private static byte[] characterMap(ByteBuffer in) {
    byte[] map = new byte[0];
    while (in.hasRemaining()) {
      int tag = tag(in);
      if (tag == tag(2, BYTES)) {
        ByteBuffer bytes = message(in);
        map = new byte[bytes.remaining()];
        bytes.get(map);
      } else {
        skip(in, tag);
      }
    }
    return map;
  }

  private static String utf8(ByteBuffer bytes, int id) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("piece " + id + " is not valid UTF-8");
    }
  }

  private static int tag(int field, int wireType) {
    return field << 3 | wireType;
  }

  private static int tag(ByteBuffer in) {
    return (int) varint(in);
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("holds a number of more than ten bytes");
  }

  /** The bytes of a length-delimited field, as a view. */
  private static ByteBuffer message(ByteBuffer in) {
    long length = varint(in);
    int start = in.position();
    advance(in, length);
    return in.slice(start, in.position() - start).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void skip(ByteBuffer in, int tag) {
    switch (tag & 7) {
      case VARINT -> varint(in);
      case FIXED64 -> advance(in, 8);
      case BYTES -> advance(in, varint(in));
      case FIXED32 -> advance(in, 4);
      default ->
          throw new IllegalArgumentException("has a field of unknown wire type " + (tag & 7));
    }
  }

  private static void advance(ByteBuffer in, long length) {
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    in.position(in.position() + (int) length);
  }
}
