package io.jdit.tensor;

/** LibTorch's natives do not load; the message names the libraries and the way out. */
public final class LibraryLoadException extends IllegalStateException {
  LibraryLoadException(String message, Throwable cause) {
    super(message, cause);
  }
}
