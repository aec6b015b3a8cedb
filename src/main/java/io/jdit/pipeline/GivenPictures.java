package io.jdit.pipeline;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The pictures that a request names. */
public final class GivenPictures {
  private GivenPictures() {}

  /**
   * The pictures as they are, none where the request names none.
   *
   * @throws ConfigException when one is missing or cannot be read, naming it
   */
  public static List<Picture> read(Values values) {
    List<String> paths =
        values.isSet(RequestKeys.IMAGE_PATH) ? values.get(RequestKeys.IMAGE_PATH) : null;
    List<Picture> pictures = new ArrayList<>();
    for (String path : paths == null ? List.<String>of() : paths) {
      try {
        pictures.add(PictureReader.read(Path.of(path)));
      } catch (NoSuchFileException e) {
        throw new ConfigException("image_path " + path + " does not exist", e);
      } catch (IOException e) {
        throw new ConfigException("image_path " + e.getMessage(), e);
      }
    }
    return pictures;
  }
}
