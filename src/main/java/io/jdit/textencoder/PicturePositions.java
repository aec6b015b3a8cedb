package io.jdit.textencoder;

import java.util.List;

/**
 * Positions of a text with pictures on the three axes of Qwen2.5-VL: text counts on all of them, a
 * token of a picture that begins at p is at (p, p + row, p + column), and the text after it goes on
 * behind its longer side.
 */
public final class PicturePositions {
  private PicturePositions() {}

  /**
   * @param ids of the text, where every token of a picture is {@code pictureId}
   * @param grids height and width of each picture in tokens
   * @return [3][L]
   */
  public static int[][] of(long[] ids, long pictureId, List<int[]> grids) {
    int[][] positions = new int[3][ids.length];
    int next = 0;
    int picture = 0;
    for (int i = 0; i < ids.length; ) {
      if (ids[i] != pictureId) {
        for (int[] axis : positions) {
          axis[i] = next;
        }
        next++;
        i++;
        continue;
      }
      int height = grids.get(picture)[0];
      int width = grids.get(picture++)[1];
      for (int t = 0; t < height * width; t++) {
        positions[0][i] = next;
        positions[1][i] = next + t / width;
        positions[2][i] = next + t % width;
        i++;
      }
      next += Math.max(height, width);
    }
    return positions;
  }
}
