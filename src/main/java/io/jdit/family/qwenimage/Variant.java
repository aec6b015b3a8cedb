package io.jdit.family.qwenimage;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.tokenizer.PromptTemplate;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/** What a pipeline of the architecture is for. */
enum Variant {
  /** Text to picture. */
  GENERATE(
      "QwenImagePipeline",
      34,
      "Describe the image by detailing the color, shape, size, texture, quantity, text, spatial"
          + " relationships of the objects and background:"),
  /** One picture and what to change in it. */
  EDIT("QwenImageEditPipeline", 64, Variant.EDITOR),
  /** Several pictures and what to make of them. */
  EDIT_PLUS("QwenImageEditPlusPipeline", 64, Variant.EDITOR);

  private static final String EDITOR =
      "Describe the key features of the input image (color, shape, size, texture, objects,"
          + " background), then explain how the user's text instruction should alter or modify the"
          + " image. Generate a new image that meets the user's requirements while maintaining"
          + " consistency with the original input where appropriate.";

  private final String className;
  private final int dropped;
  private final String system;

  Variant(String className, int dropped, String system) {
    this.className = className;
    this.dropped = dropped;
    this.system = system;
  }

  static Set<String> classNames() {
    return Arrays.stream(values()).map(v -> v.className).collect(Collectors.toSet());
  }

  static Variant of(ModelFolder folder) {
    return Arrays.stream(values())
        .filter(v -> v.className.equals(folder.className()))
        .findFirst()
        .orElseThrow();
  }

  boolean takesPictures() {
    return this != GENERATE;
  }

  /** Leading tokens that are dropped, a constant of the reference for its vocabulary. */
  int dropped() {
    return dropped;
  }

  PromptTemplate template(int pictures) {
    PromptTemplate template = PromptTemplate.user(system);
    StringBuilder before = new StringBuilder(template.before());
    for (int i = 1; i <= pictures; i++) {
      before.append(this == EDIT_PLUS ? "Picture " + i + ": " : "");
      before.append("<|vision_start|><|image_pad|><|vision_end|>");
    }
    return new PromptTemplate(before.toString(), template.after());
  }
}
