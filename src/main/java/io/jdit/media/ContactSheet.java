package io.jdit.media;

import java.util.ArrayList;
import java.util.List;

/**
 * Frames of a video beside each other, at even distances: the first one and up to eight others,
 * however many come, in three columns.
 */
public final class ContactSheet {
  private static final int MOST = 9;
  private static final int COLUMNS = 3;
  private static final int EDGE = 256; // the longer one of a frame

  private final List<Picture> kept = new ArrayList<>();
  private int every = 1;
  private int frames;

  /** The next frame; all have the same size. */
  public void add(Picture frame) {
    if (frames++ % every != 0) {
      return;
    }
    if (kept.size() == MOST) {
      every *= 2;
      for (int i = MOST - 2; i > 0; i -= 2) {
        kept.remove(i);
      }
      if ((frames - 1) % every != 0) {
        return;
      }
    }
    double scale = Math.min(1, (double) EDGE / Math.max(frame.width(), frame.height()));
    kept.add(
        Thumbnail.of(
            frame,
            Math.max(1, (int) Math.round(frame.width() * scale)),
            Math.max(1, (int) Math.round(frame.height() * scale))));
  }

  /**
   * The first frame, small.
   *
   * @throws IllegalStateException before the first frame
   */
  public Picture first() {
    requireFrames();
    return kept.get(0);
  }

  private void requireFrames() {
    if (kept.isEmpty()) {
      throw new IllegalStateException("a contact sheet without frames");
    }
  }

  /**
   * The sheet so far, row by row; what is left of the last row is black.
   *
   * @throws IllegalStateException before the first frame
   */
  public Picture picture() {
    requireFrames();
    int width = kept.get(0).width();
    int height = kept.get(0).height();
    int columns = Math.min(COLUMNS, kept.size());
    int rows = (kept.size() + columns - 1) / columns;
    byte[] rgb = new byte[3 * columns * width * rows * height];
    for (int i = 0; i < kept.size(); i++) {
      for (int y = 0; y < height; y++) {
        int row = i / columns * height + y;
        int to = 3 * (row * columns * width + i % columns * width);
        System.arraycopy(kept.get(i).rgb(), 3 * y * width, rgb, to, 3 * width);
      }
    }
    return new Picture(columns * width, rows * height, rgb);
  }
}
