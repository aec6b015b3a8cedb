package io.jdit.cache.forecast;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import java.nio.file.Path;
import java.util.Optional;

/** Finds the profile that holds for a request. */
public interface ProfileSource {
  /**
   * @param file to take it from; null to look in the usual folders
   * @param request with the model's defaults filled in
   * @throws ConfigException saying what was found instead, and the way out
   */
  ForecastProfile require(Path file, Values request);

  /** The profile in the usual folders; empty where none holds. */
  Optional<ForecastProfile> find(Values request);

  /** One profile, whatever is asked for. */
  static ProfileSource of(ForecastProfile profile) {
    return new ProfileSource() {
      @Override
      public ForecastProfile require(Path file, Values request) {
        return profile;
      }

      @Override
      public Optional<ForecastProfile> find(Values request) {
        return Optional.of(profile);
      }

      @Override
      public void chosen(String line) {
        // Whoever gives the profile knows.
      }
    };
  }

  /** Hears which cache a quality stands for, and why: each line once. */
  void chosen(String line);
}
