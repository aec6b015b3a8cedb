package io.jdit.engine;

import io.jdit.config.Key;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where pictures come from besides their request: everything that decides what they look like.
 *
 * @param model as the user named it
 * @param cache settings of the cache by name, empty without one
 */
public record Provenance(String model, Strategies strategies, Map<String, Object> cache) {
  /** All settings by their names, for the manifest, the performance dump and picture files. */
  public Map<String, Object> settings(Request request) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("model", model);
    if (!strategies.origin().variant().isEmpty()) {
      map.put("model-variant", strategies.origin().variant());
    }
    for (Key<?> key : RequestKeys.ALL.keys()) {
      Object value = request.values().isSet(key) ? request.get(key) : null;
      if (value != null) {
        map.put(key.name(), value);
      }
    }
    map.put("dtype", strategies.dtype().text());
    // Not its number: a picture does not depend on which of several equal devices drew it.
    map.put("device", strategies.device().type().name().toLowerCase(Locale.ROOT));
    if (!strategies.formats().settings().isEmpty()) {
      map.put("quantization", strategies.formats().settings());
    }
    if (!cache.isEmpty()) {
      map.put("cache", cache);
    }
    return map;
  }

  /**
   * What a picture file says: the settings one by one for people, and all as JSON in {@code
   * settings}.
   */
  Map<String, String> texts(Request request) {
    Map<String, Object> settings = settings(request);
    Map<String, String> texts = new LinkedHashMap<>();
    settings.forEach((k, v) -> texts.put(k, String.valueOf(v)));
    texts.put("Software", "JDiT " + Version.text());
    texts.put("settings", JsonMapper.shared().writeValueAsString(settings));
    return texts;
  }
}
