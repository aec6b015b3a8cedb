package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.config.ConfigException;
import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.tensor.Tensor;
import java.util.Arrays;

/**
 * transformers' Qwen2VLImageProcessor: a picture as patches, its sides rounded to multiples of a
 * merged patch.
 *
 * @param minPixels of the resized picture, as {@code maxPixels}
 * @param mean of each colour, 0 to 1; std likewise
 */
public record QwenPictures(
    int patch, int merge, int minPixels, int maxPixels, double[] mean, double[] std) {
  /** Frames of a patch; a picture is the same frame twice. */
  static final int FRAMES = 2;

  private static final int MAX_ASPECT = 200;
  private static final double[] MEAN = {0.48145466, 0.4578275, 0.40821073};
  private static final double[] STD = {0.26862954, 0.26130258, 0.27577711};

  /** Reads preprocessor_config.json. */
  public static QwenPictures read(ModelConfig json) {
    if (json.integer("temporal_patch_size", FRAMES) != FRAMES) {
      throw json.error("temporal_patch_size other than " + FRAMES + " is not supported");
    }
    ModelConfig size = json.has("size") ? json.section("size") : json;
    return new QwenPictures(
        json.integer("patch_size", 14),
        json.integer("merge_size", 2),
        json.integer("min_pixels", size.integer("shortest_edge", 56 * 56)),
        json.integer("max_pixels", size.integer("longest_edge", 28 * 28 * 1280)),
        colours(json, "image_mean", MEAN),
        colours(json, "image_std", STD));
  }

  private static double[] colours(ModelConfig json, String key, double[] absent) {
    if (!json.has(key)) {
      return absent;
    }
    var list = json.json().get(key);
    if (!list.isArray() || list.size() != 3) {
      throw json.error(key + " is " + list + ", expected three numbers");
    }
    double[] values = new double[3];
    Arrays.setAll(values, i -> list.get(i).asDouble());
    return values;
  }

  /**
   * Patches of a picture.
   *
   * @param values float32 [gridHeight gridWidth, 3 * 2 * patch * patch] on the CPU; patches that
   *     are merged follow each other, a row is ordered by channel, frame, row, column
   * @param gridHeight patches in a column of the picture
   * @param gridWidth patches in a row
   */
  public record Patches(Tensor values, int gridHeight, int gridWidth) {}

  public Patches patches(Picture picture) {
    int[] size = resized(picture.height(), picture.width());
    Picture p = Resize.BICUBIC.resize(picture, size[1], size[0]);
    int rows = size[0] / patch;
    int columns = size[1] / patch;
    float[] values = new float[rows * columns * 3 * FRAMES * patch * patch];
    int at = 0;
    for (int block = 0; block < rows * columns / (merge * merge); block++) {
      int top = block / (columns / merge) * merge;
      int left = block % (columns / merge) * merge;
      for (int i = 0; i < merge * merge; i++) {
        at = write(p, (top + i / merge) * patch, (left + i % merge) * patch, values, at);
      }
    }
    return new Patches(
        Tensor.of(values, rows * columns, 3L * FRAMES * patch * patch), rows, columns);
  }

  private int write(Picture p, int top, int left, float[] values, int start) {
    int at = start;
    for (int c = 0; c < 3; c++) {
      for (int frame = 0; frame < FRAMES; frame++) {
        for (int y = 0; y < patch; y++) {
          for (int x = 0; x < patch; x++) {
            int level = p.rgb()[3 * ((top + y) * p.width() + left + x) + c] & 255;
            values[at++] = (float) ((level / 255.0 - mean[c]) / std[c]);
          }
        }
      }
    }
    return at;
  }

  /**
   * @throws ConfigException when a picture is narrower than the processor takes
   */
  public static void requireShape(int height, int width) {
    if (Math.max(height, width) > MAX_ASPECT * Math.min(height, width)) {
      throw new ConfigException(
          "a picture of "
              + width
              + " x "
              + height
              + " pixels is too narrow, its sides may differ by a factor of "
              + MAX_ASPECT
              + ": cut it to a shape closer to a square");
    }
  }

  /** Height and width, nearest multiples of a merged patch within the limits (smart_resize). */
  int[] resized(int height, int width) {
    int factor = patch * merge;
    double h = Math.rint((double) height / factor) * factor;
    double w = Math.rint((double) width / factor) * factor;
    double pixels = (double) height * width;
    if (h * w > maxPixels) {
      double beta = Math.sqrt(pixels / maxPixels);
      h = Math.max(factor, Math.floor(height / beta / factor) * factor);
      w = Math.max(factor, Math.floor(width / beta / factor) * factor);
    } else if (h * w < minPixels) {
      double beta = Math.sqrt(minPixels / pixels);
      h = Math.ceil(height * beta / factor) * factor;
      w = Math.ceil(width * beta / factor) * factor;
    }
    return new int[] {(int) h, (int) w};
  }
}
