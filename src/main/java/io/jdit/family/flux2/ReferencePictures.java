package io.jdit.family.flux2;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.pipeline.GivenPictures;
import java.util.List;

/** The pictures that a request refers to, as the autoencoder encodes them. */
final class ReferencePictures {
  /** As many as the authors of the models name. */
  static final int MOST = 10;

  private static final int LEAST_EDGE = 64;
  private static final int MOST_ASPECT = 8;
  private static final int MOST_PIXELS = 1024 * 1024;

  private ReferencePictures() {}

  /**
   * Those of a request, brought to at most 1024 x 1024 pixels in their own aspect, their edges cut
   * to multiples.
   *
   * @param multiple of both edges, in pixels
   * @throws ConfigException when one cannot be read, or is smaller or narrower than the model takes
   */
  static List<Picture> read(Values values, int multiple) {
    return GivenPictures.read(values).stream().map(p -> fitted(p, multiple)).toList();
  }

  private static Picture fitted(Picture picture, int multiple) {
    int width = picture.width();
    int height = picture.height();
    if (Math.min(width, height) < LEAST_EDGE
        || Math.max(width, height) > MOST_ASPECT * Math.min(width, height)) {
      throw new ConfigException(
          "a reference picture of "
              + width
              + " x "
              + height
              + " pixels is not supported: give one of at least "
              + LEAST_EDGE
              + " pixels in each direction, not more than "
              + MOST_ASPECT
              + " times as long as wide");
    }
    Picture small = picture;
    if ((long) width * height > MOST_PIXELS) {
      double scale = Math.sqrt((double) MOST_PIXELS / ((double) width * height));
      small = Resize.LANCZOS.resize(picture, (int) (width * scale), (int) (height * scale));
    }
    return small.middle(small.width() / multiple * multiple, small.height() / multiple * multiple);
  }
}
