package io.jdit.cli;

import io.jdit.config.Key;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/**
 * Options that are made from keys: a mixin extends it, says after which of its own options they are
 * shown, and reads what was given from {@link #given}. A command that has such a mixin is declared
 * with the {@link Transformer}.
 */
@Command // picocli takes nothing for a mixin that has no annotation at all
abstract class CatalogOptions {
  private final List<Key<?>> keys;
  private final String after;
  private Values given = Values.none();

  /**
   * @param after name of the option that they follow in the help; null for the end
   */
  CatalogOptions(List<Key<?>> keys, String after) {
    this.keys = keys.stream().filter(k -> k.option() != null && k.help() != null).toList();
    this.after = after;
  }

  /** What stands on the command line. */
  final Values given() {
    return given;
  }

  private OptionSpec option(Key<?> key) {
    OptionSpec.Builder option =
        OptionSpec.builder(key.options().toArray(String[]::new))
            .paramLabel(key.label())
            .description(key.help())
            .type(Object.class)
            .converters(text -> convert(key, text))
            .setter(
                new ISetter() {
                  @Override
                  public <T> T set(T value) {
                    given = value == null ? given.without(key) : given.withChecked(key, value);
                    return null;
                  }
                });
    return (key.type().isFlag() ? option.arity("0..1").fallbackValue("true") : option.arity("1"))
        .build();
  }

  private static Object convert(Key<?> key, String text) {
    Object value = key.type().parseOrNull(text);
    if (value == null) {
      throw new TypeConversionException(
          "expected " + key.type().expected() + ", found '" + text + "'");
    }
    return value;
  }

  /** Adds the options of a command's mixins. */
  static final class Transformer implements IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      for (CommandSpec mixin : command.mixins().values()) {
        if (mixin.userObject() instanceof CatalogOptions options) {
          options.addTo(command);
        }
      }
      return command;
    }
  }

  /** The help shows options in the order in which they were added: those behind are moved. */
  private void addTo(CommandSpec command) {
    List<OptionSpec> behind = new ArrayList<>();
    boolean seen = false;
    for (OptionSpec option :
        after == null ? List.<OptionSpec>of() : List.copyOf(command.options())) {
      if (seen && option.group() == null) {
        behind.add(option);
        command.remove(option);
      }
      seen |= List.of(option.names()).contains(after);
    }
    keys.forEach(key -> command.addOption(option(key)));
    behind.forEach(command::addOption);
  }
}
