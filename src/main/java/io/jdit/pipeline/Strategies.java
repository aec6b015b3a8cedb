package io.jdit.pipeline;

import io.jdit.attention.Attention;
import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.WeightOrigin;
import io.jdit.kernels.CudaGraphRecorder;
import io.jdit.kernels.GraphRecorder;
import io.jdit.kernels.NativeLibraries;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.transformer.SequenceParallel;
import io.jdit.vae.TileSharing;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * How a model is built and who does what of its work: everything that is decided about it besides
 * its configuration. Immutable.
 */
public final class Strategies implements Cloneable {
  /** Pictures of more pixels are decoded in tiles unless something else is asked for. */
  public static final int TILING_PIXELS = 2048 * 2048;

  private DType dtype;
  private Device device;
  private WeightOrigin origin = WeightOrigin.FILES;
  private Placement placement = Placement.resident();
  private LinearFormats formats = LinearFormats.dense();
  private BiFunction<String, LinearFormat, LinearFactory> linears =
      (component, format) -> LinearFactory.of(format);
  private Attention attention = new FusedAttention();
  private SequenceParallel sequence = SequenceParallel.none();
  private Branches branches = Branches.here();
  private TileSharing tiles;
  private Boolean vaeTiling;
  private long kept = KeptConditions.BYTES;
  private boolean graphs;

  private Strategies(DType dtype, Device device) {
    this.dtype = dtype;
    this.device = device;
  }

  /**
   * One process, dense layers, everything resident; float32 on the CPU and bfloat16 on a GPU, which
   * the kernels are fastest and exact enough in.
   */
  public static Strategies on(Device device) {
    return new Strategies(device.isCuda() ? DType.BFLOAT16 : DType.FLOAT32, device);
  }

  public static Strategies cpu() {
    return on(Device.CPU);
  }

  /** Of weights and computation. */
  public DType dtype() {
    return dtype;
  }

  public Device device() {
    return device;
  }

  public WeightOrigin origin() {
    return origin;
  }

  public Placement placement() {
    return placement;
  }

  /** Linear layers of a component. */
  public LinearFactory linears(String component) {
    return linears.apply(component, formats.of(component));
  }

  /** How linear layers are held. */
  public LinearFormats formats() {
    return formats;
  }

  /** Attention of the transformers. */
  public Attention attention() {
    return attention;
  }

  /** Tokens that this rank holds. */
  public SequenceParallel sequence() {
    return sequence;
  }

  /** Guidance branches that this rank computes. */
  public Branches branches() {
    return branches;
  }

  /**
   * Who decodes the tiles of a picture; null when it is to be decoded whole.
   *
   * @param height of the picture in pixels, as {@code width}
   */
  public TileSharing tiles(int height, int width) {
    boolean tiled =
        vaeTiling != null ? vaeTiling : tiles != null || (long) height * width > TILING_PIXELS;
    return !tiled ? null : tiles == null ? TileSharing.here() : tiles;
  }

  /** Bytes of encoded texts and pictures that are kept, for when they come again. */
  public long kept() {
    return kept;
  }

  /** Records the blocks of a generation on this thread's GPU; null where they run as they are. */
  public GraphRecorder recorder() {
    return graphs && device.isCuda() && NativeLibraries.cuda().loaded()
        ? new CudaGraphRecorder(device)
        : null;
  }

  public Strategies withDtype(DType type) {
    Strategies s = copy();
    s.dtype = type;
    return s;
  }

  public Strategies withDevice(Device place) {
    Strategies s = copy();
    s.device = place;
    return s;
  }

  public Strategies withOrigin(WeightOrigin weights) {
    Strategies s = copy();
    s.origin = weights;
    return s;
  }

  public Strategies withPlacement(Placement when) {
    Strategies s = copy();
    s.placement = when;
    return s;
  }

  /** With layers that are held as the factory decides. */
  public Strategies withLinears(Function<String, LinearFactory> byComponent) {
    return withLinears((component, format) -> byComponent.apply(component));
  }

  /**
   * @param factory of a component's layers, or their shards, in a format
   */
  public Strategies withLinears(BiFunction<String, LinearFormat, LinearFactory> factory) {
    Strategies s = copy();
    s.linears = factory;
    return s;
  }

  public Strategies withFormats(LinearFormats byComponent) {
    Strategies s = copy();
    s.formats = byComponent;
    return s;
  }

  public Strategies withAttention(Attention other) {
    Strategies s = copy();
    s.attention = other;
    return s;
  }

  public Strategies withSequence(SequenceParallel tokens) {
    Strategies s = copy();
    s.sequence = tokens;
    return s;
  }

  public Strategies withBranches(Branches guidance) {
    Strategies s = copy();
    s.branches = guidance;
    return s;
  }

  /**
   * @param sharing null leaves tiling to the picture's size
   */
  public Strategies withTiles(TileSharing sharing) {
    Strategies s = copy();
    s.tiles = sharing;
    return s;
  }

  /**
   * @param tiling true, false, or null for pictures above {@value #TILING_PIXELS} pixels
   */
  public Strategies withVaeTiling(Boolean tiling) {
    Strategies s = copy();
    s.vaeTiling = tiling;
    return s;
  }

  /**
   * @param bytes of encoded texts and pictures to keep, 0 for none
   */
  public Strategies withKept(long bytes) {
    Strategies s = copy();
    s.kept = bytes;
    return s;
  }

  /**
   * @param recorded whether blocks run as CUDA graphs where that is possible
   */
  public Strategies withGraphs(boolean recorded) {
    Strategies s = copy();
    s.graphs = recorded;
    return s;
  }

  private Strategies copy() {
    try {
      return (Strategies) clone();
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException(e);
    }
  }
}
