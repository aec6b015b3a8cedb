package io.jdit.cli;

import io.jdit.config.Key;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/** Options that are made from keys: a mixin adds them when it is given its specification. */
final class CatalogOptions {
  private Values given = Values.none();

  /** Adds an option for every key that has one and a help text. */
  void addTo(CommandSpec spec, List<Key<?>> keys) {
    addTo(spec, keys, Set.of());
  }

  /**
   * Adds an option for every key that has one and a help text.
   *
   * @param negatable switches that have a form with {@code --no-}
   */
  void addTo(CommandSpec spec, List<Key<?>> keys, Set<Key<Boolean>> negatable) {
    for (Key<?> key : keys) {
      if (key.option() != null && key.help() != null) {
        spec.addOption(option(key, negatable.contains(key)));
      }
    }
  }

  /** What stands on the command line. */
  Values given() {
    return given;
  }

  private OptionSpec option(Key<?> key, boolean negatable) {
    OptionSpec.Builder option =
        OptionSpec.builder(key.options().toArray(String[]::new))
            .description(key.help())
            .setter(
                new ISetter() {
                  @Override
                  public <T> T set(T value) {
                    if (value == null) {
                      given = given.without(key);
                    } else {
                      given = given.withChecked(key, added(given.get(key), value));
                    }
                    return null;
                  }
                });
    if (key.type() == ValueType.texts()) {
      return option.type(List.class).auxiliaryTypes(String.class).paramLabel(key.label()).build();
    }
    if (key.label() == null) {
      return option.type(Boolean.class).arity("0").negatable(negatable).build();
    }
    option
        .type(Object.class)
        .paramLabel(key.label())
        .hideParamSyntax(key.label().contains("["))
        .converters(text -> convert(key, text));
    return (key.type() == ValueType.bool()
            ? option.arity("0..1").fallbackValue("true")
            : option.arity("1"))
        .build();
  }

  /** An option that may be repeated comes once for each value. */
  private static Object added(Object before, Object value) {
    if (before instanceof List<?> first && value instanceof List<?> more) {
      return Stream.concat(first.stream(), more.stream()).toList();
    }
    return value;
  }

  /** The value, or picocli's exception with the type that is expected. */
  static <T> T convert(Key<T> key, String text) {
    T value = key.type().parseOrNull(text);
    if (value == null) {
      throw new TypeConversionException(
          "expected " + key.type().expected() + ", found '" + text + "'");
    }
    return value;
  }
}
