package io.jdit.textencoder;

import java.util.ArrayList;
import java.util.List;

/**
 * Order of merged patches in which attention windows are runs of neighbours.
 *
 * @param order merged patches, as numbers in the order of the pictures
 * @param windows merged patches of each window
 * @param pictures merged patches of each picture
 */
record VisionWindows(long[] order, int[] windows, int[] pictures) {
  /**
   * Windows row by row from the top left of each picture; those at its edges may be smaller.
   *
   * @param grids height and width of each picture in merged patches
   */
  static VisionWindows of(List<int[]> grids, int window) {
    List<Long> order = new ArrayList<>();
    List<Integer> windows = new ArrayList<>();
    int[] pictures = new int[grids.size()];
    long first = 0;
    for (int p = 0; p < pictures.length; p++) {
      int height = grids.get(p)[0];
      int width = grids.get(p)[1];
      for (int top = 0; top < height; top += window) {
        for (int left = 0; left < width; left += window) {
          int before = order.size();
          for (int y = top; y < Math.min(height, top + window); y++) {
            for (int x = left; x < Math.min(width, left + window); x++) {
              order.add(first + (long) y * width + x);
            }
          }
          windows.add(order.size() - before);
        }
      }
      pictures[p] = height * width;
      first += pictures[p];
    }
    return new VisionWindows(
        order.stream().mapToLong(Long::longValue).toArray(),
        windows.stream().mapToInt(Integer::intValue).toArray(),
        pictures);
  }

  /** Where each merged patch is in {@link #order}. */
  long[] inverse() {
    long[] inverse = new long[order.length];
    for (int i = 0; i < order.length; i++) {
      inverse[(int) order[i]] = i;
    }
    return inverse;
  }
}
