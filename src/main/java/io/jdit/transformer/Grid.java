package io.jdit.transformer;

/** Tokens of a picture: rows and columns. */
public record Grid(int height, int width) {
  public int tokens() {
    return height * width;
  }
}
