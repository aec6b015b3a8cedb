package io.jdit.cli;

import io.jdit.checkpoint.HubException;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.engine.GenerationCancelledException;
import io.jdit.media.ImageFormatException;
import io.jdit.pipeline.OutOfMemoryException;

/** What the process returns. */
final class ExitCode {
  static final int OK = 0;

  /** The generation failed, or a check found something wrong. */
  static final int FAILED = 1;

  /** Wrong usage or configuration: an option, a key, a size. */
  static final int USAGE = 2;

  /** The model was not found, is broken or not supported. */
  static final int MODEL = 3;

  /** It does not fit into memory. */
  static final int MEMORY = 4;

  /** A batch was stopped by a signal and goes on with {@code --resume}; EX_TEMPFAIL of sysexits. */
  static final int RESUME = 75;

  /** Ended by Ctrl-C or SIGTERM. */
  static final int CANCELLED = 130;

  private ExitCode() {}

  static int of(Throwable failure) {
    if (failure instanceof IllegalArgumentException) {
      return USAGE;
    }
    if (failure instanceof ModelFormatException
        || failure instanceof HubException
        || failure instanceof ImageFormatException) {
      return MODEL;
    }
    if (failure instanceof OutOfMemoryException || failure instanceof OutOfMemoryError) {
      return MEMORY;
    }
    return failure instanceof GenerationCancelledException ? CANCELLED : FAILED;
  }
}
