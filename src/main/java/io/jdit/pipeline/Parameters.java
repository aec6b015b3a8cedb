package io.jdit.pipeline;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.media.OutputKind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/**
 * What requests a model takes: its keys, their defaults (the family's, and over them those of the
 * folder's {@code generation_config.json}) and what else has to hold. Needs a model's
 * configuration, not its weights.
 */
public final class Parameters {
  /** Something that has to hold of a request, or is decided by more than one of its keys. */
  @FunctionalInterface
  public interface Rule {
    /**
     * The values as they are run.
     *
     * @param given what the request set itself
     * @param notes takes what the user should know
     * @throws IllegalArgumentException when they cannot be run, naming value and limits
     */
    Values apply(Values values, Values given, List<String> notes);
  }

  private final String model;
  private final Set<Key<?>> keys;
  private final Values defaults;
  private final List<Rule> rules;
  private final List<Key<?>> required;

  private Parameters(
      String model, Set<Key<?>> keys, Values defaults, List<Rule> rules, List<Key<?>> required) {
    this.model = model;
    this.keys = keys;
    this.defaults = defaults;
    this.rules = rules;
    this.required = required;
  }

  /**
   * @param defaults the family's; keys that are set to null are taken and have no default
   * @param rules in the order in which they are applied
   * @throws ModelFormatException when generation_config.json is broken
   */
  public static Parameters of(ModelFolder folder, Values defaults, Rule... rules) {
    Set<Key<?>> keys = new LinkedHashSet<>();
    for (Key<?> key : RequestKeys.ALL.keys()) {
      if (defaults.isSet(key)) {
        keys.add(key);
      }
    }
    Values own = ownDefaults(folder.path().resolve("generation_config.json"), keys);
    return new Parameters(
        folder.className() + " of " + folder.path(),
        Collections.unmodifiableSet(keys),
        own.over(defaults),
        List.of(rules),
        List.of());
  }

  /** The same, where every request has to give {@code keys}, a picture for example. */
  public Parameters requiring(Key<?>... others) {
    return new Parameters(model, keys, defaults, rules, List.of(others));
  }

  private static Values ownDefaults(Path file, Set<Key<?>> keys) {
    Values values = Values.none();
    if (Files.exists(file)) {
      ModelConfig json = ModelConfig.read(file);
      for (Key<?> key : keys) {
        if (json.has(key.name())) {
          values = with(values, key, json);
        }
      }
    }
    return values;
  }

  private static <T> Values with(Values values, Key<T> key, ModelConfig json) {
    try {
      return values.with(
          key, key.type().read(json.json().get(key.name()), "file " + json.path() + ": " + key));
    } catch (ConfigException e) {
      throw new ModelFormatException(e.getMessage(), e);
    }
  }

  /** The keys that this model takes. */
  public Set<Key<?>> keys() {
    return keys;
  }

  /** What the model makes: a family whose requests have frames per second makes videos. */
  public OutputKind kind() {
    return keys.contains(RequestKeys.FPS) ? OutputKind.VIDEO : OutputKind.PICTURE;
  }

  /**
   * Fills in and checks a request, without running it.
   *
   * @throws IllegalArgumentException when the request does not fit the model, naming value and
   *     limits
   */
  public Request resolve(Values request) {
    if (request.get(RequestKeys.PROMPT) == null) {
      throw new ConfigException("a prompt is required");
    }
    for (Key<?> key : required) {
      if (request.get(key) == null) {
        throw new ConfigException(key + " is required by " + model + ": give " + key.option());
      }
    }
    return filled(request);
  }

  /**
   * As {@link #resolve}, without asking for what the output is conditioned on: for what a request
   * of that size costs.
   */
  public Request outline(Values request) {
    return filled(request.over(Values.of(RequestKeys.PROMPT, "")));
  }

  private Request filled(Values request) {
    for (Key<?> key : request.keys()) {
      if (!keys.contains(key) && request.get(key) != null) {
        throw new ConfigException(key + " is no parameter of " + model + ": leave it out");
      }
    }
    List<String> notes = new ArrayList<>();
    Values values = Values.none();
    for (Key<?> key : keys) {
      boolean given = request.isSet(key) && request.get(key) != null;
      values = copy(key, given ? request : defaults, values);
    }
    for (Rule rule : rules) {
      values = rule.apply(values, request, notes);
    }
    return new Request(values, notes);
  }

  private static <T> Values copy(Key<T> key, Values from, Values to) {
    return to.with(key, from.get(key));
  }

  /** Sizes in pixels have to be multiples of {@code multiple}. */
  public static Rule multipleOf(int multiple, List<Key<Integer>> keys) {
    return (values, given, notes) -> {
      for (Key<Integer> key : keys) {
        int value = values.get(key);
        if (value % multiple != 0) {
          long below = value / multiple * multiple;
          long above = below + multiple;
          throw new ConfigException(
              key
                  + " "
                  + value
                  + " is not a multiple of "
                  + multiple
                  + ": use "
                  + (below == 0
                      ? above
                      : above > Integer.MAX_VALUE ? below : below + " or " + above));
        }
      }
      return values;
    };
  }

  /**
   * Frames are one for the first latent frame and {@code factor} for each other: another number
   * becomes one of these, and a note says so.
   *
   * @param made the number of frames that the reference makes of one that was asked for
   */
  public static Rule frames(int factor, IntUnaryOperator made) {
    return (values, given, notes) -> {
      int asked = values.get(RequestKeys.NUM_FRAMES);
      int frames = made.applyAsInt(asked);
      if (frames != asked) {
        notes.add(
            "num_frames "
                + asked
                + " became "
                + frames
                + ": this model makes one frame, and "
                + factor
                + " at a time after it");
      }
      return values.with(RequestKeys.NUM_FRAMES, frames);
    };
  }

  /** A model takes at most so many pictures. */
  public static Rule pictures(int most) {
    return (values, given, notes) -> {
      List<String> paths =
          values.isSet(RequestKeys.IMAGE_PATH) ? values.get(RequestKeys.IMAGE_PATH) : null;
      if (paths != null && paths.size() > most) {
        throw new ConfigException(
            "--image-path is given " + paths.size() + " times, this model takes " + most);
      }
      return values;
    };
  }

  /** A number has an upper limit. */
  public static Rule atMost(Key<Integer> key, int limit) {
    return (values, given, notes) -> {
      if (values.get(key) > limit) {
        throw new ConfigException(
            "--"
                + key.name().replace('_', '-')
                + " must be <= "
                + limit
                + ", got "
                + values.get(key));
      }
      return values;
    };
  }

  /**
   * True classifier-free guidance, which needs both a negative prompt and a scale above 1: where
   * one is given without the other, a note says that it has no effect, as in diffusers.
   */
  public static Rule trueGuidance() {
    return (values, given, notes) -> {
      double scale = values.get(RequestKeys.TRUE_CFG_SCALE);
      String negative = values.get(RequestKeys.NEGATIVE_PROMPT);
      if (scale > 1 && negative != null) {
        return values;
      }
      if (given.get(RequestKeys.TRUE_CFG_SCALE) != null && scale > 1) {
        notes.add(
            "true_cfg_scale "
                + scale
                + " has no effect without a negative prompt: give --negative-prompt, which may be"
                + " empty");
      } else if (given.get(RequestKeys.NEGATIVE_PROMPT) != null) {
        notes.add(
            "the negative prompt has no effect at true_cfg_scale "
                + scale
                + ": give --true-cfg-scale above 1");
      }
      return values
          .with(RequestKeys.NEGATIVE_PROMPT, null)
          .with(RequestKeys.NEGATIVE_PROMPT_2, null)
          .with(RequestKeys.TRUE_CFG_SCALE, 1.0);
    };
  }
}
