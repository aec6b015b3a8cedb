package io.jdit.offload;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.Values;
import java.util.List;

/** What is asked for, of which the parts fit each other. */
public final class OffloadSettings {
  private static final List<Key<?>> OF_LAYERS =
      List.of(OffloadKeys.PREFETCH, OffloadKeys.RESIDENT_LAYERS, OffloadKeys.RESIDENCY_POLICY);

  private final Values values;
  private final boolean decides;
  private final int processes;

  private OffloadSettings(Values values, boolean decides, int processes) {
    this.values = values;
    this.decides = decides;
    this.processes = processes;
  }

  /** Everything is left to be decided. */
  public static OffloadSettings none() {
    return new OffloadSettings(Values.none(), true, 1);
  }

  /**
   * @param values of {@link OffloadKeys#OPTIONS}
   * @throws ConfigException naming two that exclude each other
   */
  public static OffloadSettings of(Values values) {
    OffloadSettings settings = new OffloadSettings(values, true, 1);
    if (settings.isOn(OffloadKeys.DIT) && settings.isOn(OffloadKeys.DIT_LAYERWISE)) {
      throw new ConfigException(
          OffloadKeys.DIT.option()
              + " and "
              + OffloadKeys.DIT_LAYERWISE.option()
              + " exclude each other: the one lets the transformer go as a whole, the other its layers");
    }
    PerformanceMode mode = settings.mode();
    if (mode == PerformanceMode.SPEED) {
      for (Key<Boolean> key : OffloadKeys.SWITCHES) {
        if (settings.isOn(key)) {
          throw new ConfigException(
              OffloadKeys.MODE.option()
                  + " speed keeps everything in memory: leave out "
                  + key.option());
        }
      }
    }
    boolean layers =
        settings.isOn(OffloadKeys.DIT_LAYERWISE)
            || mode == PerformanceMode.MEMORY && !settings.isOff(OffloadKeys.DIT_LAYERWISE);
    for (Key<?> key : OF_LAYERS) {
      if (values.isSet(key) && !layers) {
        throw new ConfigException(key.option() + " needs " + OffloadKeys.DIT_LAYERWISE.option());
      }
    }
    return settings;
  }

  /** These, with nothing offloaded that is not asked for: what does not fit so does not fit. */
  public OffloadSettings andNoMore() {
    return new OffloadSettings(values, false, processes);
  }

  /** These, in one of so many processes that have the machine's memory between them. */
  public OffloadSettings among(int sharing) {
    return new OffloadSettings(values, decides, sharing);
  }

  /** Processes that have the machine's memory between them, this one among them. */
  public int processes() {
    return processes;
  }

  /** Whether what is free decides about what nothing is said of. */
  boolean decides() {
    return decides;
  }

  PerformanceMode mode() {
    return values.get(OffloadKeys.MODE);
  }

  boolean isOn(Key<Boolean> key) {
    return Boolean.TRUE.equals(values.get(key));
  }

  boolean isOff(Key<Boolean> key) {
    return Boolean.FALSE.equals(values.get(key));
  }

  /** Of a component's layers. */
  StreamSettings stream(String component) {
    if (!Component.TRANSFORMER.has(component)) {
      return new StreamSettings(0, 0, ResidencyPolicy.LEADING);
    }
    Double prefetch = values.get(OffloadKeys.PREFETCH);
    Integer resident = values.get(OffloadKeys.RESIDENT_LAYERS);
    ResidencyPolicy policy = values.get(OffloadKeys.RESIDENCY_POLICY);
    return new StreamSettings(
        prefetch == null ? 0 : prefetch,
        resident == null ? 0 : resident,
        policy == null ? ResidencyPolicy.LEADING : policy);
  }
}
