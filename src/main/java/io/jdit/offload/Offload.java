package io.jdit.offload;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorSource;
import io.jdit.pipeline.Placement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Where the weights of a model are and when. What is let go is read again from the component's
 * files, on the CPU and on a GPU alike: while the machine has memory to spare they are in its page
 * cache.
 */
public final class Offload implements Placement {
  /**
   * When a component is in memory.
   *
   * @param stays after its stage
   * @param layerwise whether its layers come and go while it is there
   */
  record Home(boolean stays, boolean layerwise) {}

  /** How much is offloaded of what nothing is said about, from nothing to everything. */
  private enum Level {
    NOTHING,
    STAGES,
    TRANSFORMER_LAYERS,
    ALL_LAYERS
  }

  private final OffloadSettings settings;
  private final Map<String, ComponentMemory> model;
  private final Map<String, Home> homes = new LinkedHashMap<>();
  private final long working;

  private Offload(
      OffloadSettings settings, Level level, Map<String, ComponentMemory> model, long working) {
    this.settings = settings;
    this.model = model;
    this.working = working;
    model.keySet().forEach(c -> homes.put(c, home(c, level)));
  }

  /** What settings ask for, of a model that is yet to be found. */
  public static Placement of(OffloadSettings settings) {
    return new Offload(settings, Level.NOTHING, Map.of(), 0);
  }

  /** The settings that a placement was made of. */
  public static OffloadSettings settings(Placement placement) {
    return placement instanceof Offload offload ? offload.settings : OffloadSettings.none();
  }

  /**
   * The least offloading that is asked for and fits.
   *
   * @param model its components with weights
   * @param working bytes besides weights while denoising
   * @param available bytes
   * @return empty when nothing fits
   */
  public static Optional<Offload> fitting(
      OffloadSettings settings, Map<String, ComponentMemory> model, long working, long available) {
    for (Level level : levels(settings)) {
      Offload offload = new Offload(settings, level, model, working);
      if (offload.peak() <= available) {
        return Optional.of(offload);
      }
    }
    return Optional.empty();
  }

  /** The one of {@link #fitting} that takes least. */
  public static Offload smallest(
      OffloadSettings settings, Map<String, ComponentMemory> model, long working) {
    List<Level> levels = levels(settings);
    return new Offload(settings, levels.get(levels.size() - 1), model, working);
  }

  /** With no more offloaded than what is asked for. */
  public static Offload largest(OffloadSettings settings, Map<String, ComponentMemory> model) {
    return new Offload(settings, levels(settings).get(0), model, 0);
  }

  private static List<Level> levels(OffloadSettings settings) {
    return switch (settings.mode()) {
      case AUTO -> List.of(Level.values());
      case SPEED -> List.of(Level.NOTHING);
      case MEMORY -> List.of(Level.ALL_LAYERS);
    };
  }

  private Home home(String component, Level level) {
    Component kind = Component.of(component);
    Level layersFrom = kind == Component.TRANSFORMER ? Level.TRANSFORMER_LAYERS : Level.ALL_LAYERS;
    boolean held = settings.isOff(kind.offload);
    boolean layerwise =
        kind.layerwise != null
            && (settings.isOn(kind.layerwise)
                || !settings.isOff(kind.layerwise) && !held && level.compareTo(layersFrom) >= 0);
    boolean goes = settings.isOn(kind.offload) || !held && level.compareTo(Level.STAGES) >= 0;
    return new Home(!goes, layerwise);
  }

  private Home home(String component) {
    return homes.getOrDefault(component, new Home(true, false));
  }

  @Override
  public boolean atOnce(String component) {
    return keeps(component);
  }

  @Override
  public boolean keeps(String component) {
    return home(component).stays;
  }

  @Override
  public Residency residency(String component, TensorSource source) {
    return home(component).layerwise
        ? new LayerStream(component, source, settings.stream(component))
        : Residency.whole();
  }

  /** Components whose layers come and go. */
  public List<String> layerwise() {
    return homes.keySet().stream().filter(c -> home(c).layerwise).toList();
  }

  /** The most bytes of a stage: weights, and while denoising what is computed with. */
  public long peak() {
    return stages().values().stream().mapToLong(b -> b).max().orElse(0);
  }

  /** The most bytes of each stage, by its name in reports. */
  public Map<String, Long> stages() {
    long encoders = 0;
    long transformer = 0;
    long vae = 0;
    long resting = 0;
    for (String component : model.keySet()) {
      long rest = home(component).stays ? resting(component) : 0;
      long more = running(component) - rest;
      resting += rest;
      switch (Component.of(component)) {
        case TRANSFORMER -> transformer = Math.max(transformer, more);
        case VAE -> vae += more;
        default -> encoders += more;
      }
    }
    Map<String, Long> stages = new LinkedHashMap<>();
    stages.put("text_encode", resting + encoders);
    stages.put("denoise", resting + transformer + working);
    stages.put("decode", resting + vae);
    return stages;
  }

  private long running(String component) {
    ComponentMemory memory = model.get(component);
    return home(component).layerwise ? memory.streamed(settings.stream(component)) : memory.whole();
  }

  private long resting(String component) {
    ComponentMemory memory = model.get(component);
    return home(component).layerwise ? memory.resting(settings.stream(component)) : memory.whole();
  }

  /** What is decided, for a log. */
  @Override
  public String toString() {
    List<String> layers = new ArrayList<>();
    List<String> stages = new ArrayList<>();
    homes.forEach(
        (component, home) -> {
          if (home.layerwise) {
            layers.add(component);
          } else if (!home.stays) {
            stages.add(component);
          }
        });
    List<String> parts = new ArrayList<>();
    if (!layers.isEmpty()) {
      parts.add(String.join(" and ", layers) + " layer by layer");
    }
    if (!stages.isEmpty()) {
      parts.add(String.join(" and ", stages) + " after the stage");
    }
    return String.format(
        Locale.ROOT,
        "offload: %s; at most %.2f GB",
        parts.isEmpty() ? "nothing" : String.join(", ", parts),
        peak() / 1e9);
  }
}
