package io.jdit.cli;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;

/** Options made from keys. What is given stays text; the keys read it. */
final class KeyOptions {
  private final Map<String, String> given = new LinkedHashMap<>();

  /**
   * Adds an option for every key that has one.
   *
   * @param negatable switches that have a form with {@code --no-}
   */
  void addTo(CommandSpec spec, Catalog catalog, Set<Key<Boolean>> negatable) {
    for (Key<?> key : catalog.keys()) {
      if (key.option() != null) {
        spec.addOption(option(key, negatable.contains(key)));
      }
    }
  }

  private OptionSpec option(Key<?> key, boolean negatable) {
    String[] names = key.options().toArray(String[]::new);
    OptionSpec.Builder option =
        OptionSpec.builder(names).description(key.help()).setter(setter(key.option()));
    return key.type() == ValueType.bool()
        ? option.type(Boolean.class).arity("0").negatable(negatable).build()
        : option.type(String.class).paramLabel(key.label()).hideParamSyntax(true).build();
  }

  private ISetter setter(String option) {
    return new ISetter() {
      @Override
      public <T> T set(T value) {
        if (value == null) {
          given.remove(option);
        } else {
          given.put(option, value.toString());
        }
        return null;
      }
    };
  }

  /** Texts by option. */
  Map<String, String> given() {
    return given;
  }
}
