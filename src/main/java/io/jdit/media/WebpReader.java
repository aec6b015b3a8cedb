package io.jdit.media;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.BytePointer;

/**
 * WebP pictures (RFC 9649). FFmpeg decodes the samples; lossy ones are brought to RGB here in the
 * arithmetic of Google's libwebp, so that pixels are equal to those of other readers.
 */
final class WebpReader {
  private static final int ANIMATED = 0x02;

  private final ByteBuffer file;
  private int width;
  private int height;
  private int orientation = Orientation.UPRIGHT;

  private WebpReader(byte[] bytes) {
    file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * @param pixels that it may have
   * @throws ImageFormatException without the name of the file
   */
  static Picture read(byte[] bytes, long pixels) throws IOException {
    WebpReader reader = new WebpReader(bytes);
    reader.readChunks();
    PictureReader.requireSize(reader.width, reader.height, pixels);
    return Orientation.upright(decode(bytes), reader.orientation);
  }

  private void readChunks() throws ImageFormatException {
    if (file.getInt(4) + 8L > file.capacity()) {
      throw new ImageFormatException("damaged picture: the file is shorter than it says");
    }
    for (int at = 12; at + 8 < file.capacity(); ) {
      String name = new String(file.array(), at, 4, StandardCharsets.ISO_8859_1);
      int size = file.getInt(at + 4);
      int data = at + 8;
      if (size < 0 || size > file.capacity() - data) {
        throw new ImageFormatException("damaged picture: it ends in the middle of a chunk");
      }
      switch (name) {
        case "VP8X" -> {
          if ((file.get(data) & ANIMATED) != 0) {
            throw new ImageFormatException("an animated WebP, expected one picture: save a frame");
          }
          size(1 + (file.getInt(data + 4) & 0xffffff), 1 + (file.getInt(data + 6) >>> 8));
        }
        case "VP8L" -> {
          int sizes = file.getInt(data + 1);
          size(1 + (sizes & 0x3fff), 1 + (sizes >> 14 & 0x3fff));
        }
        case "VP8 " -> size(file.getShort(data + 6) & 0x3fff, file.getShort(data + 8) & 0x3fff);
        case "EXIF" ->
            orientation = Orientation.read(Arrays.copyOfRange(file.array(), data, data + size));
        default -> {}
      }
      at = data + size + size % 2;
    }
  }

  private void size(int w, int h) {
    width = Math.max(width, w);
    height = Math.max(height, h);
  }

  private static Picture decode(byte[] bytes) throws IOException {
    Ffmpeg.load();
    AVCodec decoder = avcodec.avcodec_find_decoder(avcodec.AV_CODEC_ID_WEBP);
    if (decoder == null) {
      throw new ImageFormatException("this build of FFmpeg reads no WebP: convert it to PNG");
    }
    AVCodecContext codec = avcodec.avcodec_alloc_context3(decoder);
    AVPacket packet = avcodec.av_packet_alloc();
    AVFrame frame = avutil.av_frame_alloc();
    try {
      Ffmpeg.check(avcodec.avcodec_open2(codec, decoder, (AVDictionary) null), "WebP");
      Ffmpeg.check(avcodec.av_new_packet(packet, bytes.length), "allocating a picture");
      packet.data().put(bytes);
      Ffmpeg.check(avcodec.avcodec_send_packet(codec, packet), "decoding");
      Ffmpeg.check(avcodec.avcodec_receive_frame(codec, frame), "decoding");
      return picture(frame);
    } finally {
      avutil.av_frame_free(frame);
      avcodec.av_packet_free(packet);
      avcodec.avcodec_free_context(codec);
    }
  }

  private static Picture picture(AVFrame frame) throws IOException {
    int width = frame.width();
    int height = frame.height();
    int format = frame.format();
    if (format == avutil.AV_PIX_FMT_ARGB) {
      byte[] argb = plane(frame, 0, 4 * width, height);
      byte[] rgb = new byte[3 * width * height];
      for (int i = 0; i < width * height; i++) {
        System.arraycopy(argb, 4 * i + 1, rgb, 3 * i, 3);
      }
      return new Picture(width, height, rgb);
    }
    if (format != avutil.AV_PIX_FMT_YUV420P && format != avutil.AV_PIX_FMT_YUVA420P) {
      throw new ImageFormatException(
          "a WebP in an unexpected format: " + avutil.av_get_pix_fmt_name(format).getString());
    }
    int halfWidth = (width + 1) / 2;
    int halfHeight = (height + 1) / 2;
    return new Picture(
        width,
        height,
        rgb(
            plane(frame, 0, width, height),
            plane(frame, 1, halfWidth, halfHeight),
            plane(frame, 2, halfWidth, halfHeight),
            width,
            height));
  }

  private static byte[] plane(AVFrame frame, int plane, int line, int lines) {
    byte[] bytes = new byte[line * lines];
    try (BytePointer start = new BytePointer(frame.data(plane))) {
      for (int y = 0; y < lines; y++) {
        start.position((long) y * frame.linesize(plane)).get(bytes, y * line, line);
      }
    }
    return bytes;
  }

  private static byte[] rgb(byte[] luma, byte[] u, byte[] v, int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    for (int y = 0, at = 0; y < height; y++) {
      for (int x = 0; x < width; x++, at += 3) {
        int l = (luma[y * width + x] & 255) * 19077 >> 8;
        int cb = chroma(u, x, y, width, height);
        int cr = chroma(v, x, y, width, height);
        rgb[at] = level(l + (cr * 26149 >> 8) - 14234);
        rgb[at + 1] = level(l - (cb * 6419 >> 8) - (cr * 13320 >> 8) + 8708);
        rgb[at + 2] = level(l + (cb * 33050 >> 8) - 17685);
      }
    }
    return rgb;
  }

  /** Six bits after the point. */
  private static byte level(int value) {
    return (byte) Math.max(0, Math.min(255, value >> 6));
  }

  /** 9, 3, 3 and 1 parts of the four nearest samples, rounded twice. */
  private static int chroma(byte[] plane, int x, int y, int width, int height) {
    int line = (width + 1) / 2;
    int otherX = Math.max(0, Math.min(line - 1, x / 2 + (x % 2 == 0 ? -1 : 1)));
    int otherY = Math.max(0, Math.min((height + 1) / 2 - 1, y / 2 + (y % 2 == 0 ? -1 : 1)));
    int near = plane[y / 2 * line + x / 2] & 255;
    int beside = plane[y / 2 * line + otherX] & 255;
    int above = plane[otherY * line + x / 2] & 255;
    int across = plane[otherY * line + otherX] & 255;
    return (near + 3 * beside + 3 * above + across + 8 >> 3) + near >> 1;
  }
}
