package io.jdit.offload;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorSource;
import io.jdit.pipeline.Placement;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceCopy;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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

  /** Stages, by their names in reports. */
  public static final String ENCODE = "text_encode";

  public static final String DENOISE = "denoise";
  public static final String DECODE = "decode";

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
  private final Map<String, Long> working;

  private Offload(
      OffloadSettings settings,
      Level level,
      Map<String, ComponentMemory> model,
      Map<String, Long> working) {
    this.settings = settings;
    this.model = model;
    this.working = working;
    model.keySet().forEach(c -> homes.put(c, home(c, level)));
  }

  /** What settings ask for, of a model that is yet to be found. */
  public static Placement of(OffloadSettings settings) {
    return new Offload(settings, Level.NOTHING, Map.of(), Map.of());
  }

  /** A placement in one of so many processes that have the machine's memory between them. */
  public static Placement among(int processes, Placement placement) {
    return placement instanceof Offload offload
        ? new Offload(
            offload.settings.among(processes), Level.NOTHING, offload.model, offload.working)
        : placement;
  }

  /** The settings that a placement was made of. */
  public static OffloadSettings settings(Placement placement) {
    return placement instanceof Offload offload ? offload.settings : OffloadSettings.none();
  }

  /**
   * What settings leave to choose from, the least offloading first.
   *
   * @param model its components with weights
   * @param working bytes besides weights, by stage
   */
  public static List<Offload> choices(
      OffloadSettings settings, Map<String, ComponentMemory> model, Map<String, Long> working) {
    return levels(settings).stream()
        .map(level -> new Offload(settings, level, model, working))
        .toList();
  }

  /** The one of {@link #choices} that takes least. */
  public static Offload smallest(
      OffloadSettings settings, Map<String, ComponentMemory> model, Map<String, Long> working) {
    return choices(settings, model, working).stream()
        .min(Comparator.comparingLong(Offload::peak))
        .orElseThrow();
  }

  private static List<Level> levels(OffloadSettings settings) {
    return switch (settings.mode()) {
      case AUTO -> settings.decides() ? List.of(Level.values()) : List.of(Level.NOTHING);
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
  public Residency residency(String component, TensorSource source, Device device) {
    return home(component).layerwise
        ? new LayerStream(component, source, settings.stream(component), DeviceCopy.to(device))
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
    stages.put(ENCODE, resting + encoders);
    stages.put(DENOISE, resting + transformer);
    stages.put(DECODE, resting + vae);
    stages.replaceAll((stage, bytes) -> bytes + working.getOrDefault(stage, 0L));
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

  /** Which components come and go, and how. */
  public String what() {
    List<String> layers = layerwise();
    List<String> stages =
        homes.keySet().stream().filter(c -> !home(c).stays && !home(c).layerwise).toList();
    String ofLayers = String.join(" and ", layers) + " layer by layer";
    String ofStages = String.join(" and ", stages) + " after the stage";
    if (layers.isEmpty()) {
      return stages.isEmpty() ? "nothing" : ofStages;
    }
    return stages.isEmpty() ? ofLayers : ofLayers + ", " + ofStages;
  }

  /** What is decided, for a log. */
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "offload: %s; at most %.2f GB", what(), peak() / 1e9);
  }
}
