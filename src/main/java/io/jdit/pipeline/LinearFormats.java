package io.jdit.pipeline;

import io.jdit.nn.LinearFormat;
import java.util.List;
import java.util.Map;

/** How the linear layers of each component of a model are held. */
@FunctionalInterface
public interface LinearFormats {
  /**
   * @param component of model_index.json, for example {@code transformer}
   */
  LinearFormat of(String component);

  /** What decides about pictures, by name: for metadata. */
  default Map<String, Object> settings() {
    return Map.of();
  }

  /** Lines about the layers that were made. */
  default List<String> report() {
    return List.of();
  }

  /** All weights as they are. */
  static LinearFormats dense() {
    return component -> LinearFormat.dense();
  }
}
