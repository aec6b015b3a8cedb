package io.jdit.cache;

import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.tensor.DType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads the golden data of the cache engine, written by the reference. */
final class CachingFixtures {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private CachingFixtures() {}

  static JsonNode json(String path) {
    try (InputStream in = CachingFixtures.class.getResourceAsStream("/fixtures/" + path)) {
      return JSON.readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads fields of the reference's configuration objects; unknown policies act as the default. */
  static Values settings(JsonNode fields) {
    Values settings = Values.none();
    if (fields == null) {
      return settings;
    }
    for (Key<?> key : CacheKeys.FIELDS.keys()) {
      JsonNode value = fields.get(key.name());
      if (value == null
          || (key == CacheKeys.STEPS_COMPUTATION_POLICY && !value.stringValue().equals("static"))) {
        continue;
      }
      settings = with(settings, key, value);
    }
    return settings;
  }

  private static <T> Values with(Values settings, Key<T> key, JsonNode value) {
    return settings.with(key, key.type().read(value, key.name()));
  }

  /** NaN and infinities are texts; null is null. */
  static Double number(JsonNode node) {
    if (node == null || node.isNull()) {
      return null;
    }
    if (node.isString()) {
      return switch (node.stringValue()) {
        case "nan" -> Double.NaN;
        case "inf" -> Double.POSITIVE_INFINITY;
        case "-inf" -> Double.NEGATIVE_INFINITY;
        default -> throw new IllegalArgumentException(node.toString());
      };
    }
    return node.doubleValue();
  }

  /** The dtype of a case: f32, f64, f16 or bf16. */
  static DType dtype(JsonNode golden) {
    return switch (golden.get("dtype").stringValue()) {
      case "f32" -> DType.FLOAT32;
      case "f64" -> DType.FLOAT64;
      case "f16" -> DType.FLOAT16;
      case "bf16" -> DType.BFLOAT16;
      default -> throw new IllegalArgumentException(golden.toString());
    };
  }

  static List<Integer> integers(JsonNode list) {
    if (list == null || list.isNull()) {
      return null;
    }
    List<Integer> values = new ArrayList<>();
    list.forEach(n -> values.add(n.intValue()));
    return values;
  }
}
