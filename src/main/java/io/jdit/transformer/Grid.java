package io.jdit.family.qwenimage;

/** Tokens of a picture: rows and columns. */
public record Grid(int height, int width) {
  int tokens() {
    return height * width;
  }
}
