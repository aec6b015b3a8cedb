package io.jdit.family.qwenimage;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.pipeline.GivenPictures;
import io.jdit.textencoder.QwenPictures;
import java.util.List;

/**
 * The pictures that a request gives, in the sizes that a model works with: each keeps its aspect.
 *
 * @param area pixels of the output and of what the autoencoder encodes
 * @param textArea pixels of what the text encoder sees; with one picture it sees what the
 *     autoencoder does
 */
record EditPictures(Variant variant, int area, int textArea) {
  static final int AREA = 1024 * 1024;
  static final int TEXT_AREA = 384 * 384;
  private static final int MULTIPLE = 32;

  /** Pixels in each direction. */
  record Size(int width, int height) {
    /** The multiples of 32 closest to an area in the aspect of a picture. */
    static Size of(int area, Picture picture) {
      double ratio = (double) picture.width() / picture.height();
      double width = Math.sqrt(area * ratio);
      Size size =
          new Size(
              (int) Math.rint(width / MULTIPLE) * MULTIPLE,
              (int) Math.rint(width / ratio / MULTIPLE) * MULTIPLE);
      if (size.width == 0 || size.height == 0) {
        throw new ConfigException(
            "a picture of "
                + picture.width()
                + " x "
                + picture.height()
                + " pixels is too narrow: cut it to a shape closer to a square");
      }
      return size;
    }

    Picture of(Picture picture) {
      return Resize.LANCZOS.resize(picture, width, height);
    }
  }

  /**
   * The pictures of a request as they are.
   *
   * @throws ConfigException when one cannot be read, or is so narrow that nothing would be left
   */
  List<Picture> read(Values values) {
    List<Picture> pictures = GivenPictures.read(values);
    for (Picture picture : pictures) {
      Size seen = sizeSeen(picture);
      QwenPictures.requireShape(seen.height, seen.width);
    }
    return pictures;
  }

  /** Of the output, when the request does not say: that of the last picture. */
  Size output(List<Picture> pictures) {
    return Size.of(area, pictures.get(pictures.size() - 1));
  }

  /** What the autoencoder encodes. */
  Picture encoded(Picture picture) {
    return Size.of(area, picture).of(picture);
  }

  /** What the text encoder sees. */
  Picture seen(Picture picture) {
    return sizeSeen(picture).of(picture);
  }

  private Size sizeSeen(Picture picture) {
    return Size.of(variant == Variant.EDIT_PLUS ? textArea : area, picture);
  }
}
