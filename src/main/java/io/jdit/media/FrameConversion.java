package io.jdit.media;

import java.io.IOException;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;

/** RGB pictures as frames in an encoder's pixel format. */
final class FrameConversion implements AutoCloseable {
  private static final int FULL_RANGE = 1;
  private static final int LIMITED_RANGE = 0;
  private static final int ONE = 1 << 16; // contrast and saturation in 16.16

  private final int width;
  private final int height;
  private final AVFrame rgb;
  private final AVFrame converted;
  private final SwsContext scaler;

  FrameConversion(AVCodecContext codec, boolean bt709) throws IOException {
    width = codec.width();
    height = codec.height();
    rgb = frame(avutil.AV_PIX_FMT_RGB24);
    converted = frame(codec.pix_fmt());
    if (bt709) {
      converted.colorspace(avutil.AVCOL_SPC_BT709);
      converted.color_range(avutil.AVCOL_RANGE_MPEG);
    }
    scaler =
        swscale.sws_getContext(
            width,
            height,
            avutil.AV_PIX_FMT_RGB24,
            width,
            height,
            codec.pix_fmt(),
            swscale.SWS_BICUBIC | swscale.SWS_ACCURATE_RND | swscale.SWS_FULL_CHR_H_INP,
            null,
            null,
            (DoublePointer) null);
    if (scaler == null) {
      throw new IOException("FFmpeg cannot convert frames of " + width + " x " + height);
    }
    if (bt709) {
      IntPointer coefficients = swscale.sws_getCoefficients(swscale.SWS_CS_ITU709);
      swscale.sws_setColorspaceDetails(
          scaler, coefficients, FULL_RANGE, coefficients, LIMITED_RANGE, 0, ONE, ONE);
    }
  }

  private AVFrame frame(int format) throws IOException {
    AVFrame frame = avutil.av_frame_alloc();
    frame.format(format);
    frame.width(width);
    frame.height(height);
    Ffmpeg.check(avutil.av_frame_get_buffer(frame, 0), "allocating a frame");
    return frame;
  }

  /** The converted frame; it is overwritten by the next. */
  AVFrame of(Picture picture) throws IOException {
    if (picture.width() != width || picture.height() != height) {
      throw new IOException(
          "a frame has "
              + picture.width()
              + " x "
              + picture.height()
              + " pixels, those before "
              + width
              + " x "
              + height);
    }
    int line = 3 * width;
    try (BytePointer start = new BytePointer(rgb.data(0))) {
      for (int y = 0; y < height; y++) {
        start.position((long) y * rgb.linesize(0)).put(picture.rgb(), y * line, line);
      }
    }
    Ffmpeg.check(avutil.av_frame_make_writable(converted), "allocating a frame");
    Ffmpeg.check(
        swscale.sws_scale(
            scaler, rgb.data(), rgb.linesize(), 0, height, converted.data(), converted.linesize()),
        "converting a frame");
    return converted;
  }

  @Override
  public void close() {
    swscale.sws_freeContext(scaler);
    avutil.av_frame_free(rgb);
    avutil.av_frame_free(converted);
  }
}
