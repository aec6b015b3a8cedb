package io.jdit.pipeline;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.media.PictureReader;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The pictures that a request gives by {@link RequestKeys#IMAGE_PATH}. */
public final class GivenPictures {
  private GivenPictures() {}

  /**
   * SHA-256 of the files' contents: what is equal there gives equal pictures.
   *
   * @throws ConfigException when one is missing or cannot be read, naming it
   */
  public static List<String> digests(Values values) {
    return each(
        values,
        file -> {
          try (InputStream in = Files.newInputStream(file);
              DigestInputStream digest = new DigestInputStream(in, sha256())) {
            digest.transferTo(OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(digest.getMessageDigest().digest());
          }
        });
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has it
    }
  }

  /**
   * The pictures as they are, none where the request names none.
   *
   * @throws ConfigException when one is missing or cannot be read, naming it
   */
  public static List<Picture> read(Values values) {
    return each(values, PictureReader::read);
  }

  private interface Reader<T> {
    T read(Path file) throws IOException;
  }

  private static <T> List<T> each(Values values, Reader<T> reader) {
    List<String> paths =
        values.isSet(RequestKeys.IMAGE_PATH) ? values.get(RequestKeys.IMAGE_PATH) : null;
    List<T> results = new ArrayList<>();
    for (String path : paths == null ? List.<String>of() : paths) {
      try {
        results.add(reader.read(Path.of(path)));
      } catch (NoSuchFileException e) {
        throw new ConfigException("image_path " + path + " does not exist", e);
      } catch (IOException e) {
        throw new ConfigException("image_path " + e.getMessage(), e);
      }
    }
    return results;
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
