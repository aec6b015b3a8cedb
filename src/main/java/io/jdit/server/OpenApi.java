package io.jdit.server;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The interface as an OpenAPI document, made from the routes and the catalogs of settings. */
final class OpenApi {
  private static final Pattern PART = Pattern.compile("[{<](\\w+)[}>]");

  private OpenApi() {}

  static Map<String, Object> document(List<Route> routes, String version) {
    Map<String, Map<String, Object>> paths = new LinkedHashMap<>();
    for (Route route : routes) {
      paths
          .computeIfAbsent(
              PART.matcher(route.path()).replaceAll("{$1}"), p -> new LinkedHashMap<>())
          .put(route.method().name().toLowerCase(Locale.ROOT), operation(route));
    }
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("openapi", "3.1.0");
    document.put("info", Map.of("title", "JDiT", "version", version));
    document.put("paths", paths);
    document.put("components", Map.of("schemas", Map.of("Error", error())));
    return document;
  }

  private static Map<String, Object> operation(Route route) {
    Map<String, Object> operation = new LinkedHashMap<>();
    operation.put("summary", route.summary());
    List<Object> parameters = new ArrayList<>();
    Matcher parts = PART.matcher(route.path());
    while (parts.find()) {
      Map<String, Object> parameter = new LinkedHashMap<>();
      parameter.put("name", parts.group(1));
      parameter.put("in", "path");
      parameter.put("required", true);
      parameter.put("schema", Map.of("type", "string"));
      parameters.add(parameter);
    }
    if (!parameters.isEmpty()) {
      operation.put("parameters", parameters);
    }
    if (route.fields() != null) {
      Map<String, Object> schema = schema(route.fields(), route.pictures());
      Map<String, Object> content = new LinkedHashMap<>();
      content.put("application/json", Map.of("schema", schema));
      if (route.pictures()) {
        content.put("multipart/form-data", Map.of("schema", schema));
      }
      operation.put("requestBody", Map.of("required", true, "content", content));
    }
    Map<String, Object> responses = new LinkedHashMap<>();
    responses.put("200", Map.of("description", "Done."));
    responses.put(
        "default",
        Map.of(
            "description",
            "What is wrong.",
            "content",
            Map.of(
                "application/json",
                Map.of("schema", Map.of("$ref", "#/components/schemas/Error")))));
    operation.put("responses", responses);
    return operation;
  }

  private static Map<String, Object> schema(Catalog fields, boolean pictures) {
    Map<String, Object> properties = new LinkedHashMap<>();
    ApiKeys.PARAMETERS.keys().forEach(k -> properties.put(k.name(), property(k)));
    fields.keys().forEach(k -> properties.put(k.name(), property(k)));
    if (pictures) {
      for (String name : ApiKeys.PICTURES) {
        properties.put(
            name, Map.of("type", "string", "description", "A picture: a file or a data URL."));
      }
    }
    Map<String, Object> schema = new LinkedHashMap<>();
    schema.put("type", "object");
    schema.put("properties", properties);
    schema.put("required", List.of("prompt"));
    return schema;
  }

  private static Map<String, Object> property(Key<?> key) {
    Map<String, Object> property = new LinkedHashMap<>(key.type().schema());
    String help = key.help() == null ? "" : key.help() + " ";
    property.put("description", help + "Expected: " + key.type().expected() + ".");
    return property;
  }

  private static Map<String, Object> error() {
    Map<String, Object> text = Map.of("type", "string");
    Map<String, Object> error = new LinkedHashMap<>();
    for (String name : List.of("message", "type", "param", "code")) {
      error.put(name, text);
    }
    return Map.of(
        "type",
        "object",
        "properties",
        Map.of(
            "detail",
            Map.of("description", "The message, or a list with it for fields that are wrong."),
            "error",
            Map.of("type", "object", "properties", error)));
  }
}
