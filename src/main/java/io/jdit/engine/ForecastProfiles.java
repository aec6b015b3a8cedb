package io.jdit.engine;

import io.jdit.cache.forecast.Conditions;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.ProfileFile;
import io.jdit.cache.forecast.ProfileSource;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ShellPath;
import io.jdit.checkpoint.WeightFingerprint;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.pipeline.Strategies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The forecast profiles of a model: those in the folder {@code profiles} of the model, then those
 * of the user in {@code ~/.config/jdit/profiles}. Files are read once.
 */
public final class ForecastProfiles implements ProfileSource {
  private static final String FOLDER = "profiles";

  private final Path model;
  private final Strategies strategies;
  private final List<Path> folders;
  private final Map<Path, ForecastProfile> read = new TreeMap<>();
  private final Set<String> said = new HashSet<>();
  private final Consumer<String> notes;
  private String fingerprint;

  /**
   * @param model its folder
   * @param strategies that it computes with
   * @param notes hears which cache was chosen
   */
  public ForecastProfiles(
      Path model, Strategies strategies, Map<String, String> environment, Consumer<String> notes) {
    this.notes = notes;
    this.model = model;
    this.strategies = strategies;
    this.folders = List.of(model.resolve(FOLDER), userFolder(environment));
  }

  /** Where profiles of this user are stored. */
  public static Path userFolder(Map<String, String> environment) {
    String config = environment.getOrDefault("XDG_CONFIG_HOME", "");
    return ShellPath.of(config.isEmpty() ? "~/.config" : config, environment)
        .resolve("jdit")
        .resolve(FOLDER);
  }

  /** What a profile of a request has to hold for. */
  public synchronized Conditions conditions(Values request) {
    if (fingerprint == null) {
      fingerprint = WeightFingerprint.of(ModelFolder.open(model), strategies.origin().variant());
    }
    return Conditions.of(fingerprint, strategies.dtype().text(), request);
  }

  /** A word for requests to this model, which is another one for others. */
  String task(List<Values> requests) {
    StringBuilder text = new StringBuilder();
    for (Values r : requests) {
      Conditions c = conditions(Engine.parameters(model).resolve(r).values());
      text.append(c.model()).append(c).append(r.byName());
    }
    return Integer.toHexString(text.toString().hashCode());
  }

  @Override
  public synchronized ForecastProfile require(Path file, Values request) {
    Conditions wanted = conditions(request);
    if (file != null) {
      ForecastProfile profile = profile(file);
      List<String> differences = wanted.differences(profile.conditions());
      if (!differences.isEmpty()) {
        throw new ConfigException(
            file + " does not hold for this run: " + differences.get(0) + wayOut());
      }
      return profile;
    }
    return find(request).orElseThrow(() -> new ConfigException(nothing(wanted)));
  }

  @Override
  public synchronized Optional<ForecastProfile> find(Values request) {
    Conditions wanted = conditions(request);
    return stored().stream().filter(p -> wanted.differences(p.conditions()).isEmpty()).findFirst();
  }

  @Override
  public synchronized void chosen(String line) {
    if (said.add(line)) {
      notes.accept(line);
    }
  }

  private String nothing(Conditions wanted) {
    List<ForecastProfile> ofModel =
        stored().stream().filter(p -> p.conditions().model().equals(wanted.model())).toList();
    String found =
        ofModel.isEmpty()
            ? "there is none of this model in " + folders.get(0) + " or " + folders.get(1)
            : "the nearest is of " + nearest(wanted, ofModel);
    return "no forecast profile for " + wanted + ": " + found + wayOut();
  }

  private static Conditions nearest(Conditions wanted, List<ForecastProfile> profiles) {
    Conditions nearest = profiles.get(0).conditions();
    for (ForecastProfile p : profiles) {
      if (wanted.differences(p.conditions()).size() < wanted.differences(nearest).size()) {
        nearest = p.conditions();
      }
    }
    return nearest;
  }

  private static String wayOut() {
    return "; make one with jdit tune --calibrate, or use --cache dbcache";
  }

  private List<ForecastProfile> stored() {
    List<ForecastProfile> profiles = new ArrayList<>();
    for (Path folder : folders) {
      if (Files.isDirectory(folder)) {
        try (Stream<Path> files = Files.list(folder)) {
          files
              .filter(f -> f.toString().endsWith(".json"))
              .sorted()
              .forEach(f -> current(f).ifPresent(profiles::add));
        } catch (IOException e) {
          throw new ConfigException(folder + ": cannot be read: " + e.getMessage(), e);
        }
      }
    }
    return profiles;
  }

  /** Files of an earlier version are passed over. */
  private Optional<ForecastProfile> current(Path file) {
    Optional<ForecastProfile> profile =
        read.containsKey(file) ? Optional.of(read.get(file)) : ProfileFile.readCurrent(file);
    profile.ifPresentOrElse(
        p -> read.put(file, p),
        () -> chosen("passed over " + file + ": it is no forecast profile of this version"));
    return profile;
  }

  private ForecastProfile profile(Path file) {
    return read.computeIfAbsent(file, ProfileFile::read);
  }
}
