package io.jdit.textencoder;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.tensor.Tensor;
import tools.jackson.databind.JsonNode;

/**
 * transformers' CLIPImageProcessor: the shorter edge to a length, the middle cut out, normalised.
 *
 * @param shortestEdge pixels
 * @param cropHeight pixels, as {@code cropWidth}
 * @param mean of each colour, in shares of the largest value, as {@code std}
 */
public record ClipPictures(
    int shortestEdge, int cropHeight, int cropWidth, double[] mean, double[] std) {
  private static final int BICUBIC = 3; // Pillow's number of it

  /** Reads a preprocessor_config.json. */
  public static ClipPictures read(ModelConfig json) {
    for (String step : new String[] {"do_resize", "do_center_crop", "do_rescale", "do_normalize"}) {
      if (!json.flag(step, true)) {
        throw json.error(step + " false is not supported, only true is");
      }
    }
    if (json.integer("resample", BICUBIC) != BICUBIC) {
      throw json.error("resample " + json.integer("resample") + ", expected 3, bicubic");
    }
    JsonNode size = json.json().path("size");
    JsonNode crop = json.json().path("crop_size");
    ClipPictures p =
        new ClipPictures(
            size.isObject() ? size.path("shortest_edge").asInt(0) : size.asInt(224),
            crop.isObject() ? crop.path("height").asInt(0) : crop.asInt(224),
            crop.isObject() ? crop.path("width").asInt(0) : crop.asInt(224),
            colours(json, "image_mean", 0.48145466, 0.4578275, 0.40821073),
            colours(json, "image_std", 0.26862954, 0.26130258, 0.27577711));
    if (p.cropHeight < 1
        || p.cropWidth < 1
        || Math.max(p.cropHeight, p.cropWidth) > p.shortestEdge) {
      throw json.error(
          "size and crop_size must be a shortest_edge and a height and width that fit into it");
    }
    return p;
  }

  private static double[] colours(ModelConfig json, String key, double... absent) {
    JsonNode node = json.json().path(key);
    if (!json.has(key)) {
      return absent;
    }
    if (!node.isArray() || node.size() != 3) {
      throw json.error(key + " is " + node + ", expected three numbers");
    }
    return new double[] {node.get(0).asDouble(), node.get(1).asDouble(), node.get(2).asDouble()};
  }

  /** float32 [1, 3, cropHeight, cropWidth], on the CPU. */
  public Tensor pixels(Picture picture) {
    int w = picture.width();
    int h = picture.height();
    int longer = (int) ((double) shortestEdge * Math.max(w, h) / Math.min(w, h));
    int width = w <= h ? shortestEdge : longer;
    int height = w <= h ? longer : shortestEdge;
    Picture resized = Resize.BICUBIC.resize(picture, width, height);
    int top = (height - cropHeight) / 2;
    int left = (width - cropWidth) / 2;
    float[] values = new float[3 * cropHeight * cropWidth];
    for (int c = 0, at = 0; c < 3; c++) {
      for (int y = 0; y < cropHeight; y++) {
        for (int x = 0; x < cropWidth; x++) {
          int colour = resized.rgb()[3 * ((top + y) * width + left + x) + c] & 255;
          values[at++] = (float) ((colour / 255.0 - mean[c]) / std[c]);
        }
      }
    }
    return Tensor.of(values, 1, 3, cropHeight, cropWidth);
  }
}
