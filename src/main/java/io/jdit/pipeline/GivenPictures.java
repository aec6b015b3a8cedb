package io.jdit.pipeline;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** The pictures that a request gives by {@link RequestKeys#IMAGE_PATH}. */
public final class GivenPictures {
  private GivenPictures() {}

  /**
   * As they are; none where the request gives none.
   *
   * @throws ConfigException when one cannot be read
   */
  public static List<Picture> read(Values values) {
    List<String> paths = values.get(RequestKeys.IMAGE_PATH); // null where only a cost is asked for
    return paths == null ? List.of() : paths.stream().map(GivenPictures::read).toList();
  }

  private static Picture read(String path) {
    try {
      return PictureReader.read(Path.of(path));
    } catch (NoSuchFileException e) {
      throw new ConfigException(RequestKeys.IMAGE_PATH + " " + path + " does not exist", e);
    } catch (IOException e) {
      throw new ConfigException(RequestKeys.IMAGE_PATH + " " + e.getMessage(), e);
    }
  }

  /** What autoencoders take, levels 0 to 255 as -1 to 1: float32 [1, 3, 1, H, W] on the CPU. */
  public static Tensor pixels(Picture picture) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor bytes = Tensor.of(picture.rgb(), picture.height(), picture.width(), 3);
      Tensor unit = bytes.permute(2, 0, 1).to(DType.FLOAT32).div(255);
      return scope.keep(unit.mul(2).add(-1).contiguous().unsqueeze(1).unsqueeze(0));
    }
  }
}
