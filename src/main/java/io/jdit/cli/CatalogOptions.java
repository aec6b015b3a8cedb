package io.jdit.cli;

import io.jdit.config.Key;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.IGetter;
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
   * @param switches that stand without a value too, for true, and in a form with {@code --no-} for
   *     false
   */
  void addTo(CommandSpec spec, List<Key<?>> keys, Set<Key<?>> switches) {
    for (Key<?> key : keys) {
      if (key.option() != null && key.help() != null) {
        spec.addOption(option(key, switches.contains(key)));
        if (switches.contains(key)) {
          spec.addOption(off(key));
        }
      }
    }
  }

  /** What stands on the command line. */
  Values given() {
    return given;
  }

  private OptionSpec option(Key<?> key, boolean isSwitch) {
    Binding binding = new Binding(key);
    OptionSpec.Builder option =
        OptionSpec.builder(key.options().toArray(String[]::new))
            .description(key.help().replace("%", "%%")) // picocli formats it
            .getter(binding)
            .setter(binding);
    if (key.type() == ValueType.texts()) {
      return option.type(List.class).auxiliaryTypes(String.class).paramLabel(key.label()).build();
    }
    if (key.label() == null) {
      return option.type(Boolean.class).arity("0").build();
    }
    option
        .type(Object.class)
        .paramLabel(key.label())
        .hideParamSyntax(key.label().contains("["))
        .converters(text -> convert(key, text));
    return (isSwitch || key.type() == ValueType.bool()
            ? option.arity("0..1").fallbackValue("true")
            : option.arity("1"))
        .build();
  }

  /** The form of a switch that says false. */
  private OptionSpec off(Key<?> key) {
    ISetter setter =
        new ISetter() {
          @Override
          public <T> T set(T value) {
            if (Boolean.TRUE.equals(value)) {
              given = given.withChecked(key, convert(key, "false"));
            }
            return null;
          }
        };
    return OptionSpec.builder("--no-" + key.name())
        .type(Boolean.class)
        .arity("0")
        .hidden(true)
        .setter(setter)
        .build();
  }

  /** Where picocli puts the value of a key; it adds to the list of an option that is repeated. */
  private final class Binding implements IGetter, ISetter {
    private final Key<?> key;
    private Object last;

    Binding(Key<?> key) {
      this.key = key;
    }

    @Override
    @SuppressWarnings("unchecked") // picocli's own value
    public <T> T get() {
      return (T) last;
    }

    @Override
    public <T> T set(T value) {
      last = value;
      given =
          value == null
              ? given.without(key)
              : given.withChecked(key, value instanceof List<?> list ? List.copyOf(list) : value);
      return null;
    }
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
