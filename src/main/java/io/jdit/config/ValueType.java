package io.jdit.config;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/**
 * The type of a configuration value: reads it from a document or from the text of an environment
 * variable, checks it, and writes it back as YAML. Strict: a number in quotes is not a number.
 */
public final class ValueType<T> {
  private final String expected;
  private final Function<JsonNode, T> fromNode;
  private final Function<String, T> fromText;
  private final Function<T, String> toYaml;
  private final Predicate<T> accepts;
  private final Map<String, Object> schema;

  private ValueType(
      String expected,
      Function<JsonNode, T> fromNode,
      Function<String, T> fromText,
      Function<T, String> toYaml,
      Predicate<T> accepts,
      Map<String, Object> schema) {
    this.expected = expected;
    this.fromNode = fromNode;
    this.fromText = fromText;
    this.toYaml = toYaml;
    this.accepts = accepts;
    this.schema = schema;
  }

  private ValueType<T> withSchema(Map<String, Object> jsonSchema) {
    return new ValueType<>(expected, fromNode, fromText, toYaml, accepts, jsonSchema);
  }

  /** A value as JSON Schema describes it; empty where only {@link #expected} does. */
  public Map<String, Object> schema() {
    return schema;
  }

  /**
   * A type of its own.
   *
   * @param expected how errors name it, for example {@code an integer}
   * @param fromNode the value, or null when the node has another form
   * @param fromText the value, or null when the text has another form
   */
  public static <T> ValueType<T> of(
      String expected,
      Function<JsonNode, T> fromNode,
      Function<String, T> fromText,
      Function<T, String> toYaml) {
    return new ValueType<>(expected, fromNode, fromText, toYaml, value -> true, Map.of());
  }

  public static ValueType<Integer> integer() {
    return of("an integer", ValueType::toInteger, ValueType::parseInteger, String::valueOf)
        .withSchema(Map.of("type", "integer"));
  }

  public static ValueType<Integer> integerAtLeast(int minimum) {
    return new ValueType<>(
        "an integer >= " + minimum,
        ValueType::toInteger,
        ValueType::parseInteger,
        String::valueOf,
        value -> value >= minimum,
        Map.of("type", "integer", "minimum", minimum));
  }

  public static ValueType<Integer> integerBetween(int minimum, int maximum) {
    return new ValueType<>(
        "an integer from " + minimum + " to " + maximum,
        ValueType::toInteger,
        ValueType::parseInteger,
        String::valueOf,
        value -> value >= minimum && value <= maximum,
        Map.of("type", "integer", "minimum", minimum, "maximum", maximum));
  }

  public static ValueType<Double> number() {
    return of(
            "a number",
            node ->
                node.isNumber() && Double.isFinite(node.doubleValue()) ? node.doubleValue() : null,
            ValueType::parseNumber,
            String::valueOf)
        .withSchema(Map.of("type", "number"));
  }

  public static ValueType<Double> numberAtLeast(double minimum) {
    return new ValueType<>(
        "a number >= " + (minimum == Math.rint(minimum) ? "" + (long) minimum : "" + minimum),
        number().fromNode,
        ValueType::parseNumber,
        String::valueOf,
        value -> value >= minimum,
        Map.of("type", "number", "minimum", minimum));
  }

  /** A whole number from {@code minimum} to {@code maximum}, which may lie beyond a long. */
  public static ValueType<BigInteger> wholeBetween(BigInteger minimum, BigInteger maximum) {
    return new ValueType<>(
        "a whole number from " + minimum + " to " + maximum,
        node -> node.isIntegralNumber() ? node.bigIntegerValue() : null,
        ValueType::parseWhole,
        String::valueOf,
        value -> value.compareTo(minimum) >= 0 && value.compareTo(maximum) <= 0,
        Map.of("type", "integer", "minimum", minimum, "maximum", maximum));
  }

  private static final Map<String, Object> TEXT_SCHEMA = Map.of("type", "string");

  public static ValueType<String> text() {
    return of(
            "a text",
            node -> node.isString() ? node.stringValue() : null,
            text -> text,
            text -> "'" + text.replace("'", "''") + "'")
        .withSchema(TEXT_SCHEMA);
  }

  /** One text, or a list of them; as an option it is given once for each. */
  public static ValueType<List<String>> texts() {
    return TEXTS;
  }

  private static final ValueType<List<String>> TEXTS =
      of("a text or a list of texts", ValueType::toTexts, List::of, String::valueOf)
          .withSchema(
              Map.of("oneOf", List.of(TEXT_SCHEMA, Map.of("type", "array", "items", TEXT_SCHEMA))));

  private static List<String> toTexts(JsonNode node) {
    if (node.isString()) {
      return List.of(node.stringValue());
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode item : node) {
      texts.add(item.isString() ? item.stringValue() : null);
    }
    return node.isArray() && !texts.isEmpty() && !texts.contains(null) ? List.copyOf(texts) : null;
  }

  /** {@code true, false}, and {@code yes, no, on, off} as YAML 1.1 reads them. */
  public static ValueType<Boolean> bool() {
    return BOOL;
  }

  private static final ValueType<Boolean> BOOL =
      of(
              "true or false",
              node ->
                  node.isBoolean()
                      ? Boolean.valueOf(node.booleanValue())
                      : node.isString() ? parseBoolean(node.stringValue()) : null,
              ValueType::parseBoolean,
              String::valueOf)
          .withSchema(Map.of("type", "boolean"));

  /** A constant of {@code type} by its text, ignoring case. */
  public static <E extends Enum<E>> ValueType<E> choice(Class<E> type, Function<E, String> text) {
    E[] constants = type.getEnumConstants();
    Function<String, E> parse =
        given ->
            Arrays.stream(constants)
                .filter(c -> text.apply(c).equalsIgnoreCase(given.strip()))
                .findFirst()
                .orElse(null);
    return of(
            "one of " + Arrays.stream(constants).map(text).collect(Collectors.joining(", ")),
            node -> node.isString() ? parse.apply(node.stringValue()) : null,
            parse,
            text)
        .withSchema(Map.of("type", "string", "enum", Arrays.stream(constants).map(text).toList()));
  }

  /** A constant of {@code type} by its name, ignoring case; written in lower case. */
  public static <E extends Enum<E>> ValueType<E> choice(Class<E> type) {
    return choice(type, constant -> constant.name().toLowerCase(Locale.ROOT));
  }

  /** A list of integers, none below {@code minimum}; as text separated by commas. */
  public static ValueType<List<Integer>> integersAtLeast(int minimum) {
    return new ValueType<>(
        "a list of integers >= " + minimum,
        ValueType::toIntegers,
        ValueType::parseIntegers,
        String::valueOf,
        values -> values.stream().allMatch(v -> v >= minimum),
        Map.of("type", "array", "items", Map.of("type", "integer", "minimum", minimum)));
  }

  /**
   * Reads a value; null for null.
   *
   * @param where file and key, for the error
   * @throws ConfigException naming {@code where}, what was found and what is expected
   */
  public T read(JsonNode node, String where) {
    if (isNull(node)) {
      return null;
    }
    return require(fromNode.apply(node), where, describe(node));
  }

  /** Reads a value that may have another form; null when it has, or is null. */
  public T readOrNull(JsonNode node) {
    T value = node.isNull() ? null : fromNode.apply(node);
    return value != null && accepts.test(value) ? value : null;
  }

  /** True for an empty value and for YAML's {@code ~}, which the parser leaves as text. */
  public static boolean isNull(JsonNode node) {
    return node.isNull() || (node.isString() && node.stringValue().equals("~"));
  }

  /**
   * Reads the text of a variable or flag.
   *
   * @throws ConfigException naming {@code where}, what was found and what is expected
   */
  public T parse(String text, String where) {
    T value = fromText.apply(text);
    return require(value, where, value == null ? "'" + text + "'" : text.strip());
  }

  /** Reads the text of a variable or flag; null when it has another form or is out of range. */
  public T parseOrNull(String text) {
    T value = fromText.apply(text);
    return value != null && accepts.test(value) ? value : null;
  }

  /** How errors name the type, for example {@code an integer >= 1}. */
  public String expected() {
    return expected;
  }

  /**
   * Checks a value that is typed already.
   *
   * @throws ConfigException naming {@code where}, what was found and what is expected
   */
  public T check(T value, String where) {
    return require(value, where, String.valueOf(value));
  }

  private T require(T value, String where, String found) {
    if (value == null || !accepts.test(value)) {
      throw new ConfigException(where + ": expected " + expected + ", found " + found);
    }
    return value;
  }

  /** The value as YAML that {@link #read} accepts. */
  public String toYaml(T value) {
    return value == null ? "null" : toYaml.apply(value);
  }

  /** Names a node by its form and, when short, its content. */
  public static String describe(JsonNode node) {
    if (node.isString()) {
      String text = node.stringValue();
      return "text '" + (text.length() > 60 ? text.substring(0, 60) + "..." : text) + "'";
    }
    if (node.isArray()) {
      return "a list of " + node.size();
    }
    if (node.isObject()) {
      return "a map of " + node.size() + " keys";
    }
    return node.isNumber() || node.isBoolean() ? node.toString() : "nothing";
  }

  private static Integer toInteger(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToInt() ? node.intValue() : null;
  }

  private static List<Integer> toIntegers(JsonNode node) {
    if (!node.isArray()) {
      return null;
    }
    List<Integer> values = new ArrayList<>();
    for (JsonNode item : node) {
      Integer value = toInteger(item);
      if (value == null) {
        return null;
      }
      values.add(value);
    }
    return List.copyOf(values);
  }

  private static Integer parseInteger(String text) {
    try {
      return Integer.valueOf(text.strip());
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static BigInteger parseWhole(String text) {
    try {
      return new BigInteger(text.strip());
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static List<Integer> parseIntegers(String text) {
    List<Integer> values = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      Integer value = parseInteger(part);
      if (value == null) {
        return null;
      }
      values.add(value);
    }
    return List.copyOf(values);
  }

  private static Double parseNumber(String text) {
    try {
      double value = Double.parseDouble(text.strip());
      return Double.isFinite(value) ? value : null;
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static Boolean parseBoolean(String text) {
    return switch (text.strip().toLowerCase(Locale.ROOT)) {
      case "true", "yes", "on" -> true;
      case "false", "no", "off" -> false;
      default -> null;
    };
  }
}
