package io.jdit.family;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.family.flux1.Flux1;
import io.jdit.family.flux2.Flux2;
import io.jdit.family.hunyuanvideo.HunyuanVideo;
import io.jdit.family.qwenimage.QwenImage;
import io.jdit.family.wan.Wan;
import io.jdit.family.zimage.ZImage;
import io.jdit.pipeline.Family;
import java.util.List;

/** The families that are there: a new one is a package and a line here. */
public final class Families {
  private static final List<Family> ALL =
      List.of(
          new Flux1(), new Flux2(), new HunyuanVideo(), new QwenImage(), new Wan(), new ZImage());

  private Families() {}

  /**
   * The family that runs a folder's pipeline class.
   *
   * @throws ModelFormatException when there is none, naming those that are supported
   */
  public static Family of(ModelFolder folder) {
    String className = folder.className();
    return ALL.stream()
        .filter(f -> f.classNames().contains(className))
        .findFirst()
        .orElseThrow(
            () ->
                new ModelFormatException(
                    "pipeline class "
                        + className
                        + " of "
                        + folder.path()
                        + " is not supported, supported are "
                        + String.join(", ", classNames())));
  }

  /** Pipeline classes of all families, in the order of their names. */
  public static List<String> classNames() {
    return ALL.stream().flatMap(f -> f.classNames().stream()).sorted().toList();
  }
}
