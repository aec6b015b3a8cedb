package io.jdit.testing;

import io.jdit.media.Picture;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVInputFormat;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVDictionaryEntry;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;

/**
 * A video as a player sees it.
 *
 * @param codec name of FFmpeg's decoder
 * @param pixelFormat name of the pixel format that is stored
 * @param fps frames per second
 * @param comment of the container, empty without
 */
public record VideoFile(
    String codec, String pixelFormat, double fps, String comment, List<Picture> frames) {
  public static VideoFile read(Path file) {
    AVFormatContext container = new AVFormatContext(null);
    require(
        avformat.avformat_open_input(
            container, file.toString(), (AVInputFormat) null, (AVDictionary) null));
    require(avformat.avformat_find_stream_info(container, (AVDictionary) null));
    AVStream stream = container.streams(0);
    var decoder = avcodec.avcodec_find_decoder(stream.codecpar().codec_id());
    AVCodecContext codec = avcodec.avcodec_alloc_context3(decoder);
    require(avcodec.avcodec_parameters_to_context(codec, stream.codecpar()));
    require(avcodec.avcodec_open2(codec, decoder, (AVDictionary) null));
    AVDictionaryEntry entry = avutil.av_dict_get(container.metadata(), "comment", null, 0);
    VideoFile video =
        new VideoFile(
            decoder.name().getString(),
            avutil.av_get_pix_fmt_name(codec.pix_fmt()).getString(),
            avutil.av_q2d(stream.avg_frame_rate()),
            entry == null ? "" : entry.value().getString(),
            frames(container, codec));
    avcodec.avcodec_free_context(codec);
    avformat.avformat_close_input(container);
    return video;
  }

  private static List<Picture> frames(AVFormatContext container, AVCodecContext codec) {
    List<Picture> frames = new ArrayList<>();
    AVPacket packet = avcodec.av_packet_alloc();
    AVFrame frame = avutil.av_frame_alloc();
    boolean more = true;
    while (more) {
      more = avformat.av_read_frame(container, packet) >= 0;
      require(avcodec.avcodec_send_packet(codec, more ? packet : null));
      while (avcodec.avcodec_receive_frame(codec, frame) >= 0) {
        frames.add(picture(frame));
      }
      avcodec.av_packet_unref(packet);
    }
    avutil.av_frame_free(frame);
    avcodec.av_packet_free(packet);
    return frames;
  }

  private static Picture picture(AVFrame frame) {
    int width = frame.width();
    int height = frame.height();
    SwsContext scaler =
        swscale.sws_getContext(
            width,
            height,
            frame.format(),
            width,
            height,
            avutil.AV_PIX_FMT_RGB24,
            swscale.SWS_BICUBIC | swscale.SWS_ACCURATE_RND | swscale.SWS_FULL_CHR_H_INT,
            null,
            null,
            (DoublePointer) null);
    int space = frame.colorspace() == avutil.AVCOL_SPC_BT709 ? swscale.SWS_CS_ITU709 : 5;
    IntPointer coefficients = swscale.sws_getCoefficients(space);
    boolean full = frame.color_range() == avutil.AVCOL_RANGE_JPEG;
    swscale.sws_setColorspaceDetails(
        scaler, coefficients, full ? 1 : 0, coefficients, 1, 0, 1 << 16, 1 << 16);
    AVFrame rgb = avutil.av_frame_alloc();
    rgb.format(avutil.AV_PIX_FMT_RGB24);
    rgb.width(width);
    rgb.height(height);
    require(avutil.av_frame_get_buffer(rgb, 0));
    swscale.sws_scale(
        scaler, frame.data(), frame.linesize(), 0, height, rgb.data(), rgb.linesize());
    byte[] bytes = new byte[3 * width * height];
    try (BytePointer start = new BytePointer(rgb.data(0))) {
      for (int y = 0; y < height; y++) {
        start.position((long) y * rgb.linesize(0)).get(bytes, 3 * y * width, 3 * width);
      }
    }
    avutil.av_frame_free(rgb);
    swscale.sws_freeContext(scaler);
    return new Picture(width, height, bytes);
  }

  private static void require(int code) {
    if (code < 0) {
      throw new IllegalStateException("FFmpeg: " + code);
    }
  }

  /** Mean absolute difference of two pictures of one size, in levels. */
  public static double difference(Picture a, Picture b) {
    long sum = 0;
    for (int i = 0; i < a.rgb().length; i++) {
      sum += Math.abs((a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff));
    }
    return (double) sum / a.rgb().length;
  }
}
