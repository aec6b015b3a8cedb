package io.jdit.pipeline;

import io.jdit.media.Picture;

/** Takes decoded frames as they come; a picture is one frame. */
@FunctionalInterface
public interface FrameSink {
  /**
   * @param output number of the picture or video within its request
   * @param frame number within the output; frames of one output come in order
   */
  void frame(int output, int frame, Picture picture);
}
