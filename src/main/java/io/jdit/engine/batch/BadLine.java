package io.jdit.engine.batch;

import java.nio.file.Path;

/**
 * A line of a prompt file that cannot be run.
 *
 * @param line from 1
 * @param problem one line of text, without file name and line number
 */
public record BadLine(int line, String problem) {
  /** The problem with its place. */
  public String of(Path file) {
    return file + " line " + line + ": " + problem;
  }
}
