package io.jdit.media;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.bytedeco.ffmpeg.global.avutil;

/** A video that FFmpeg encodes, into a temporary file that is moved when it is complete. */
final class EncodedVideo implements VideoWriter {
  private static final int SECONDS_PER_KEY_FRAME = 2; // what a player can jump to

  private final Path target;
  private final Path temporary;
  private final VideoEncoding encoding;
  private final Settings settings;
  private final String comment;
  private final AVPacket packet;
  private AVFormatContext container;
  private AVCodecContext codec;
  private AVStream stream;
  private FrameConversion conversion;
  private long frames;
  private boolean closed;

  EncodedVideo(Path target, VideoEncoding encoding, Settings settings, String comment)
      throws IOException {
    this.target = target;
    this.encoding = encoding;
    this.settings = settings;
    this.comment = comment;
    Path folder = target.toAbsolutePath().getParent();
    Files.createDirectories(folder);
    // Same folder, as AtomicFile's: only within one file system is a move atomic.
    this.temporary = folder.resolve(".jdit-" + UUID.randomUUID() + ".tmp");
    Ffmpeg.load();
    this.packet = avcodec.av_packet_alloc();
  }

  @Override
  public void write(Picture frame) throws IOException {
    if (container == null) {
      begin(frame.width(), frame.height());
    }
    AVFrame converted = conversion.of(frame);
    converted.pts(frames++);
    encode(converted);
  }

  private void begin(int width, int height) throws IOException {
    if (width % encoding.multiple() != 0 || height % encoding.multiple() != 0) {
      throw new IOException(
          target + ": " + width + " x " + height + " pixels, but H.264 needs even numbers");
    }
    container = new AVFormatContext(null);
    Ffmpeg.check(
        avformat.avformat_alloc_output_context2(
            container, null, encoding.container(), temporary.toString()),
        "opening " + encoding.container());
    AVCodec encoder = avcodec.avcodec_find_encoder_by_name(encoding.encoder());
    if (encoder == null) {
      throw new IOException("this build of FFmpeg has no " + encoding.encoder());
    }
    codec = avcodec.avcodec_alloc_context3(encoder);
    configure(width, height);
    AVDictionary options = Ffmpeg.dictionary(encoding.codecOptions(settings.quality()));
    Ffmpeg.check(avcodec.avcodec_open2(codec, encoder, options), encoding.encoder());
    avutil.av_dict_free(options);
    stream = avformat.avformat_new_stream(container, encoder);
    Ffmpeg.check(
        avcodec.avcodec_parameters_from_context(stream.codecpar(), codec), "the video stream");
    stream.time_base(codec.time_base());
    stream.avg_frame_rate(codec.framerate());
    conversion = new FrameConversion(codec, encoding.bt709());
    if (!comment.isEmpty()) {
      container.metadata(Ffmpeg.dictionary(Map.of("comment", comment)));
    }
    AVIOContext file = new AVIOContext(null);
    Ffmpeg.check(
        avformat.avio_open(file, temporary.toString(), avformat.AVIO_FLAG_WRITE),
        "writing " + temporary);
    container.pb(file);
    AVDictionary muxing = Ffmpeg.dictionary(encoding.containerOptions());
    Ffmpeg.check(avformat.avformat_write_header(container, muxing), "writing " + temporary);
    avutil.av_dict_free(muxing);
  }

  private void configure(int width, int height) {
    AVRational second = avutil.av_make_q(1, settings.fps());
    codec.width(width);
    codec.height(height);
    codec.pix_fmt(encoding.pixelFormat());
    codec.time_base(second);
    codec.framerate(avutil.av_make_q(settings.fps(), 1));
    codec.gop_size(SECONDS_PER_KEY_FRAME * settings.fps());
    if (encoding.bt709()) {
      codec.colorspace(avutil.AVCOL_SPC_BT709);
      codec.color_primaries(avutil.AVCOL_PRI_BT709);
      codec.color_trc(avutil.AVCOL_TRC_BT709);
      codec.color_range(avutil.AVCOL_RANGE_MPEG);
    }
    if ((container.oformat().flags() & avformat.AVFMT_GLOBALHEADER) != 0) {
      codec.flags(codec.flags() | avcodec.AV_CODEC_FLAG_GLOBAL_HEADER);
    }
  }

  /**
   * @param frame null for no more
   */
  private void encode(AVFrame frame) throws IOException {
    int sent = avcodec.avcodec_send_frame(codec, frame);
    if (sent == avutil.AVERROR_UNKNOWN()) { // openh264 has a limit for a block of pixels
      throw new IOException(
          target
              + ": the frames are too noisy for H.264 at this quality: give a lower"
              + " --output-quality, or a name that ends in / for PNG frames");
    }
    Ffmpeg.check(sent, "encoding a frame of " + target);
    while (true) {
      int code = avcodec.avcodec_receive_packet(codec, packet);
      if (code == avutil.AVERROR_EAGAIN() || code == avutil.AVERROR_EOF()) {
        return;
      }
      Ffmpeg.check(code, "encoding a frame of " + target);
      packet.stream_index(0);
      avcodec.av_packet_rescale_ts(packet, codec.time_base(), stream.time_base());
      Ffmpeg.check(avformat.av_interleaved_write_frame(container, packet), "writing " + temporary);
    }
  }

  @Override
  public void finish() throws IOException {
    if (container == null) {
      throw new IOException(target + " got no frame");
    }
    encode(null);
    Ffmpeg.check(avformat.av_write_trailer(container), "writing " + temporary);
    release();
    VideoComment.add(temporary, encoding, comment);
    AtomicFile.publish(temporary, target);
  }

  private void release() throws IOException {
    if (container != null) {
      AVIOContext file = container.pb();
      if (file != null) {
        Ffmpeg.check(avformat.avio_closep(file), "writing " + temporary);
        container.pb(null);
      }
      avformat.avformat_free_context(container);
      container = null;
    }
    if (conversion != null) {
      conversion.close();
      conversion = null;
    }
    if (codec != null) {
      avcodec.avcodec_free_context(codec);
      codec = null;
    }
    if (!closed) {
      avcodec.av_packet_free(packet);
      closed = true;
    }
  }

  @Override
  public void close() {
    try {
      release();
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // The video is given up already; its temporary file is all that is left of it.
      temporary.toFile().deleteOnExit();
    }
  }
}
