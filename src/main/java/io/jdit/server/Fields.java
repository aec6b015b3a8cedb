package io.jdit.server;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.KnownNames;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * The fields of a request: those of the interface and the parameters of a generation. Every field
 * is used, said to have no effect, or refused with the reason; none is ignored.
 *
 * @param api fields of the interface
 * @param request parameters of a generation
 * @param without names of fields that have no effect
 */
record Fields(Values api, Values request, List<String> without) {
  /** OpenAI's limit of a prompt. */
  private static final int LONGEST_TEXT = 32_000;

  /**
   * Reads a JSON object.
   *
   * @param catalog fields of the interface that the route takes
   * @throws ApiException for a field of another type (422), or one that is unknown or refused (400)
   */
  static Fields of(JsonNode body, Catalog catalog) {
    Fields fields = new Fields(Values.none(), Values.none(), List.of());
    for (Map.Entry<String, JsonNode> e : body.properties()) {
      if (!e.getValue().isNull() && !ApiKeys.PICTURES.contains(e.getKey())) {
        fields = fields.with(catalog, e.getKey(), e.getValue());
      }
    }
    return fields.unwrapped();
  }

  /** Reads the texts of a form. */
  static Fields of(Form form, Catalog catalog) {
    Fields fields = new Fields(Values.none(), Values.none(), List.of());
    for (Form.Part part : form.parts()) {
      if (!ApiKeys.PICTURES.contains(part.name())) {
        fields = fields.with(catalog, part.name(), part.text());
      }
    }
    return fields.unwrapped();
  }

  private Fields with(Catalog catalog, String name, Object given) {
    Key<?> key = catalog.find(name);
    if (key != null) {
      return new Fields(api.withChecked(key, read(key, name, given)), request, without);
    }
    key = ApiKeys.PARAMETERS.find(name);
    if (key != null) {
      return new Fields(api, request.withChecked(key, read(key, name, given)), without);
    }
    if (ApiKeys.WITHOUT_EFFECT.contains(name)) {
      List<String> more = new ArrayList<>(without);
      more.add(name);
      return new Fields(api, request, more);
    }
    if (ApiKeys.REFUSED.containsKey(name)) {
      if (isOff(given)) {
        return this;
      }
      throw ApiException.badRequest(
          name + " is not available here: " + ApiKeys.REFUSED.get(name), name);
    }
    Set<String> known = new TreeSet<>(catalog.names());
    known.addAll(ApiKeys.PARAMETERS.names());
    throw ApiException.badRequest(
        "unknown field '" + name + "'; did you mean '" + KnownNames.nearest(name, known) + "'?",
        name);
  }

  private static boolean isOff(Object given) {
    String text = given instanceof JsonNode node ? node.asString("") : given.toString();
    return List.of("", "false", "0").contains(text);
  }

  private static <T> T read(Key<T> key, String name, Object given) {
    try {
      T value =
          given instanceof JsonNode node
              ? key.type().read(node, name)
              : key.type().parse((String) given, name);
      if (value instanceof String text && text.length() > LONGEST_TEXT) {
        throw ApiException.badRequest(
            name + ": at most " + LONGEST_TEXT + " characters, found " + text.length(), name);
      }
      return value;
    } catch (ConfigException e) {
      throw ApiException.invalid(e.getMessage(), name);
    }
  }

  /** With the parameters that were given as an object. */
  private Fields unwrapped() {
    JsonNode more = api.get(ApiKeys.DIFFUSERS_KWARGS);
    if (more == null) {
      return this;
    }
    try {
      return new Fields(
          api,
          request.over(ApiKeys.PARAMETERS.read(more, ApiKeys.DIFFUSERS_KWARGS.name())),
          without);
    } catch (ConfigException e) {
      throw ApiException.badRequest(e.getMessage(), ApiKeys.DIFFUSERS_KWARGS.name());
    }
  }

  <T> T get(Key<T> key) {
    return api.get(key);
  }
}
