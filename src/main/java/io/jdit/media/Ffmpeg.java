package io.jdit.media;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.Loader;

/** FFmpeg's libraries, and what calls of them give back. */
final class Ffmpeg {
  /** In this order: some of them name no folder for what they need. */
  private static final List<String> LIBRARIES =
      List.of(
          "libdrm.so.2",
          "libva.so.2",
          "libva-drm.so.2",
          "libavutil.so.60",
          "libswresample.so.6",
          "libavcodec.so.62",
          "libavformat.so.62",
          "libswscale.so.9",
          "libjnijavacpp.so",
          "libjniavutil.so",
          "libjniswscale.so",
          "libjniavcodec.so",
          "libjniavformat.so");

  private Ffmpeg() {}

  /** Loads them once; what goes wrong is told by exceptions, not printed. */
  static void load() {
    Loaded.quiet();
  }

  private static final class Loaded {
    static {
      // In an installation the libraries lie in one folder, and JavaCPP unpacks none.
      String natives = System.getProperty("jdit.natives");
      if (natives != null && !Loader.isLoadLibraries()) {
        for (String library : LIBRARIES) {
          System.load(Path.of(natives).resolve(library).toAbsolutePath().toString());
        }
      }
      avutil.av_log_set_level(avutil.AV_LOG_FATAL);
    }

    static void quiet() {}
  }

  /**
   * @param what was tried, for the message
   * @throws IOException when {@code code} is an error
   */
  static int check(int code, String what) throws IOException {
    if (code < 0) {
      byte[] text = new byte[256];
      avutil.av_strerror(code, text, text.length);
      int length = 0;
      while (length < text.length && text[length] != 0) {
        length++;
      }
      throw new IOException(what + " failed: " + new String(text, 0, length));
    }
    return code;
  }

  /** Options of an encoder or a container; freed by {@code av_dict_free}. */
  static AVDictionary dictionary(Map<String, String> options) throws IOException {
    AVDictionary dictionary = new AVDictionary(null);
    for (var e : options.entrySet()) {
      check(avutil.av_dict_set(dictionary, e.getKey(), e.getValue(), 0), e.getKey());
    }
    return dictionary;
  }
}
