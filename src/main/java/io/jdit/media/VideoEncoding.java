package io.jdit.media;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.ffmpeg.global.avutil;

/** FFmpeg's encoders and containers that videos are written with. */
enum VideoEncoding {
  /** The LGPL build of FFmpeg has openh264 for H.264, and no x264. */
  MP4("mp4", "libopenh264", avutil.AV_PIX_FMT_YUV420P, 2) {
    @Override
    Map<String, String> codecOptions(double quality) {
      // One quantiser all along, up to the middle x264's by imageio's rule. openh264's best is 12
      // where x264 has 0: above the middle the rest is spread.
      int quantiser = (int) ((1 - quality / 10) * WORST_QUANTISER);
      if (quality > 5) {
        quantiser =
            (int) (MIDDLE_QUANTISER - (quality - 5) / 5 * (MIDDLE_QUANTISER - LEAST_QUANTISER));
      }
      Map<String, String> options = new LinkedHashMap<>();
      options.put("profile", "high");
      options.put("coder", "cabac");
      options.put("rc_mode", "quality");
      options.put("qmin", Integer.toString(quantiser));
      options.put("qmax", Integer.toString(quantiser));
      return options;
    }

    @Override
    Map<String, String> containerOptions() {
      return Map.of("movflags", "+faststart");
    }
  },
  WEBP("webp", "libwebp_anim", avutil.AV_PIX_FMT_YUV420P, 1) {
    @Override
    Map<String, String> codecOptions(double quality) {
      return Map.of("quality", String.format(Locale.ROOT, "%.0f", 10 * quality));
    }

    @Override
    Map<String, String> containerOptions() {
      return Map.of("loop", "0");
    }
  },
  /** 256 fixed colours. */
  GIF("gif", "gif", avutil.AV_PIX_FMT_RGB8, 1) {
    @Override
    Map<String, String> codecOptions(double quality) {
      return Map.of();
    }

    @Override
    Map<String, String> containerOptions() {
      return Map.of("loop", "0");
    }
  };

  private static final int WORST_QUANTISER = 51;
  private static final int MIDDLE_QUANTISER = 25;
  private static final int LEAST_QUANTISER = 12;

  private final String container;
  private final String encoder;
  private final int pixelFormat;
  private final int multiple;

  VideoEncoding(String container, String encoder, int pixelFormat, int multiple) {
    this.container = container;
    this.encoder = encoder;
    this.pixelFormat = pixelFormat;
    this.multiple = multiple;
  }

  /**
   * @param extension in lower case, without the dot
   */
  static VideoEncoding of(String extension) {
    for (VideoEncoding e : values()) {
      if (e.container.equals(extension)) {
        return e;
      }
    }
    throw new IllegalArgumentException("'." + extension + "': " + OutputKind.VIDEO.rule());
  }

  String container() {
    return container;
  }

  String encoder() {
    return encoder;
  }

  int pixelFormat() {
    return pixelFormat;
  }

  /** What heights and widths must be multiples of. */
  int multiple() {
    return multiple;
  }

  /** Whether colours are those of BT.709, and said to be: players take other files for BT.601. */
  boolean bt709() {
    return this == MP4;
  }

  /**
   * @param quality 0 to 10
   */
  abstract Map<String, String> codecOptions(double quality);

  abstract Map<String, String> containerOptions();
}
