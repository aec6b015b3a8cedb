package io.jdit.engine;

import io.jdit.media.ContactSheet;
import io.jdit.media.OutputKind;
import io.jdit.media.OutputNames;
import io.jdit.media.Picture;
import io.jdit.media.VideoWriter;
import io.jdit.pipeline.FrameSink;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The files of one request. Pictures are held until they are saved; the frames of a video are
 * written as they come, and the file gets its name when it is saved.
 */
final class RequestFiles implements FrameSink, AutoCloseable {
  private static final double USUAL_QUALITY = 5; // as diffusers writes videos

  private final Output output;
  private final Request request;
  private final List<String> names;
  private final Map<String, String> texts;
  private final List<Picture> pictures = new ArrayList<>();
  private final List<VideoWriter> videos = new ArrayList<>();
  private final List<ContactSheet> sheets = new ArrayList<>();

  /**
   * @param names in the output's folder, one for each output of the request
   * @param texts from {@link Provenance#texts}
   */
  RequestFiles(Output output, Request request, List<String> names, Map<String, String> texts) {
    this.output = output;
    this.request = request;
    this.names = List.copyOf(names);
    this.texts = texts;
  }

  /**
   * @throws GenerationCancelledException when the thread was interrupted
   */
  @Override
  public void frame(int number, int frame, Picture picture) {
    if (output.kind() == OutputKind.PICTURE) {
      pictures.add(picture);
      return;
    }
    if (Thread.interrupted()) {
      throw new GenerationCancelledException(); // decoding a video can take as long as its steps
    }
    try {
      if (frame == 0) {
        videos.add(open(number));
        sheets.add(new ContactSheet());
      }
      videos.get(number).write(picture);
      sheets.get(number).add(picture);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private VideoWriter open(int number) throws IOException {
    double quality = output.quality() == null ? USUAL_QUALITY : output.quality() / 10.0;
    return VideoWriter.open(
        path(number),
        OutputNames.isFolder(names.get(number)),
        new VideoWriter.Settings(request.get(RequestKeys.FPS), quality),
        texts);
  }

  String name(int number) {
    return names.get(number);
  }

  Path path(int number) {
    return output.folder().resolve(names.get(number));
  }

  /** What people see of each output: the picture, or frames of the video beside each other. */
  List<Picture> views() {
    return output.kind() == OutputKind.PICTURE
        ? List.copyOf(pictures)
        : sheets.stream().map(ContactSheet::picture).toList();
  }

  /** The first frame of each video, small; none of pictures. */
  List<Picture> thumbnails() {
    return sheets.stream().map(ContactSheet::first).toList();
  }

  /** Completes output {@code number} on disk. */
  void save(int number) throws IOException {
    if (output.kind() == OutputKind.PICTURE) {
      PictureFile.write(path(number), pictures.get(number), output.quality(), texts);
    } else {
      videos.get(number).finish();
    }
  }

  /** Gives up videos that were not saved. */
  @Override
  public void close() {
    videos.forEach(VideoWriter::close);
  }
}
