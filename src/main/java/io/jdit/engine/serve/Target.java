package io.jdit.engine.serve;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the results of a request go.
 *
 * @param base name without ending; several outputs get _0, _1, ...
 * @param extension of pictures or videos, without the dot
 * @param quality 0 to 100 of JPEG files and videos; null for what is usual
 */
public record Target(Path folder, String base, String extension, Integer quality) {
  /** Of each output. */
  public List<String> names(int outputs) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < outputs; i++) {
      names.add(base + (outputs > 1 ? "_" + i : "") + "." + extension);
    }
    return names;
  }
}
