package io.jdit.offload;

import io.jdit.config.Key;

/** Kinds of components, by the stage that they are used in. */
enum Component {
  TRANSFORMER("transformer", OffloadKeys.DIT, OffloadKeys.DIT_LAYERWISE),
  VAE("vae", OffloadKeys.VAE, null),
  IMAGE_ENCODER("image_encoder", OffloadKeys.IMAGE_ENCODER, null),
  TEXT_ENCODER("", OffloadKeys.TEXT_ENCODER, OffloadKeys.TEXT_ENCODER_LAYERWISE);

  private final String name;
  final Key<Boolean> offload;
  final Key<Boolean> layerwise; // null where layers are not offered

  Component(String name, Key<Boolean> offload, Key<Boolean> layerwise) {
    this.name = name;
    this.offload = offload;
    this.layerwise = layerwise;
  }

  /** The first kind that a component of model_index.json is of. */
  static Component of(String component) {
    for (Component kind : values()) {
      if (component.startsWith(kind.name)) {
        return kind;
      }
    }
    throw new IllegalStateException(component);
  }

  boolean has(String component) {
    return of(component) == this;
  }
}
