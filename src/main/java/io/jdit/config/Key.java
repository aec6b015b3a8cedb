package io.jdit.config;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A setting, declared once: command-line option, key in JSON and YAML, environment variable, help
 * and metadata are made from it. Immutable; two keys are the same only when they are one object.
 *
 * @param <T> type of its values
 */
public final class Key<T> {
  private final String name;
  private final ValueType<T> type;
  private final T defaultValue;
  private final List<String> aliases;
  private final String option;
  private final String variable;
  private final String label;
  private final String help;

  private Key(
      String name,
      ValueType<T> type,
      T defaultValue,
      List<String> aliases,
      String option,
      String variable,
      String label,
      String help) {
    this.name = name;
    this.type = type;
    this.defaultValue = defaultValue;
    this.aliases = List.copyOf(aliases);
    this.option = option;
    this.variable = variable;
    this.label = label;
    this.help = help;
  }

  /**
   * A setting without a default.
   *
   * @param name in files, with underscores; the option is the same with hyphens
   */
  public static <T> Key<T> of(String name, ValueType<T> type) {
    return new Key<>(
        name, type, null, List.of(), "--" + name.replace('_', '-'), null, "VALUE", null);
  }

  /** What {@link Values#get} gives where nothing is set; null where "not set" has a meaning. */
  public Key<T> withDefault(T value) {
    return new Key<>(name, type, value, aliases, option, variable, label, help);
  }

  /** Other names of it, in files and as options. */
  public Key<T> withAliases(String... names) {
    return new Key<>(name, type, defaultValue, List.of(names), option, variable, label, help);
  }

  /** Another option than its name says, for example {@code --Fn}; null for none. */
  public Key<T> withOption(String flag) {
    return new Key<>(name, type, defaultValue, aliases, flag, variable, label, help);
  }

  /** The environment variable, or the part of its name that tells it from others. */
  public Key<T> withVariable(String environment) {
    return new Key<>(name, type, defaultValue, aliases, option, environment, label, help);
  }

  /**
   * What a user reads about it.
   *
   * @param placeholder of the value, for example {@code PIXELS}
   */
  public Key<T> withHelp(String placeholder, String sentence) {
    return new Key<>(name, type, defaultValue, aliases, option, variable, placeholder, sentence);
  }

  public String name() {
    return name;
  }

  public ValueType<T> type() {
    return type;
  }

  public T defaultValue() {
    return defaultValue;
  }

  public List<String> aliases() {
    return aliases;
  }

  /** The option, for example {@code --num-inference-steps}; null where there is none. */
  public String option() {
    return option;
  }

  /** The option and those of the aliases. */
  public List<String> options() {
    List<String> all = new ArrayList<>();
    if (option != null) {
      Stream.concat(Stream.of(option), aliases.stream().map(a -> "--" + a.replace('_', '-')))
          .forEach(all::add);
    }
    return all;
  }

  /** Null where there is none. */
  public String variable() {
    return variable;
  }

  public String label() {
    return label;
  }

  /** Null where it is not shown. */
  public String help() {
    return help;
  }

  @Override
  public String toString() {
    return name;
  }
}
