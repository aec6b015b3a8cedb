package io.jdit.media;

import java.io.IOException;

/**
 * An image file is broken or of an unexpected kind. The message is one line that names the file.
 */
public final class ImageFormatException extends IOException {
  public ImageFormatException(String message) {
    super(message);
  }
}
