package io.jdit.media;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** A file could not be written; the system alone would not say which. */
public final class FileWriteException extends IOException {
  private static final long serialVersionUID = 1;

  public FileWriteException(Path file, IOException cause) {
    super("cannot write " + file + ": " + reason(cause), cause);
  }

  private static String reason(IOException e) {
    if (e instanceof FileSystemException f && f.getReason() != null) {
      return f.getReason();
    }
    String message = e.getMessage() == null ? "" : " (" + e.getMessage() + ")";
    return e.getClass() == IOException.class
        ? String.valueOf(e.getMessage())
        : e.getClass().getSimpleName() + message;
  }
}
