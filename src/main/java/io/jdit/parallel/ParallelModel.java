package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.attention.FusedAttention;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.parallel.Mesh.Dimension;
import io.jdit.pipeline.Branches;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.SequenceParallel;
import io.jdit.vae.TileSharing;
import java.util.ArrayList;
import java.util.List;

/** The strategies that a layout stands for, on one rank: what a pipeline is built with. */
public final class ParallelModel implements AutoCloseable {
  private final ParallelConfig config;
  private final MeshGroups groups;
  private final Attention attention;
  private final SequenceParallel sequence;
  private final Branches branches;

  /**
   * Makes the groups; all ranks of {@code world} call it.
   *
   * @param local attention on one rank
   * @throws IllegalArgumentException when the layout has another number of ranks, or a ring whose
   *     parts {@code local} cannot give with their log-sum-exp
   */
  public ParallelModel(ParallelConfig config, ProcessGroup world, FusedAttention local) {
    if (config.mesh().ring() > 1 && !local.kernel().hasLogSumExp()) {
      throw new IllegalArgumentException(
          "attention_backend "
              + local.kernel()
              + " has no log-sum-exp, by which a ring merges its parts: use native or"
              + " _native_flash, or --ulysses-degree in place of --ring-degree");
    }
    this.config = config;
    this.groups = MeshGroups.of(config.mesh(), world);
    Mesh mesh = config.mesh();
    int ringRank = mesh.coordinate(world.rank(), Dimension.RING);
    Attention inner =
        mesh.ring() > 1
            ? new RingAttention(groups.ring(), local, local.kernel()::withLogSumExp)
            : local;
    this.attention =
        mesh.ulysses() > 1
            ? new Ulysses(
                groups.ulysses(), ringRank, inner, config.ulyssesFloat8(), config.ulyssesAsync())
            : inner;
    this.sequence =
        mesh.context() > 1 ? new ContextParallel(groups.context()) : SequenceParallel.none();
    this.branches = mesh.cfg() > 1 ? new CfgParallel(groups.cfg()) : Branches.here();
  }

  public ParallelConfig config() {
    return config;
  }

  public MeshGroups groups() {
    return groups;
  }

  /** Attention of the transformer. */
  public Attention attention() {
    return attention;
  }

  /** Linear layers of a component, in the model's dtype. */
  public LinearFactory linears(String component) {
    return linears(component, LinearFormat.dense());
  }

  /**
   * Linear layers of a component, shared out over {@link ParallelConfig#holders} ranks.
   *
   * @param component of model_index.json, for example {@code transformer} or {@code text_encoder_2}
   * @param format of the layers, or of their shards
   */
  public LinearFactory linears(String component, LinearFormat format) {
    if (config.holders(component) == 1) {
      return LinearFactory.of(format);
    }
    boolean text = component.startsWith(ParallelConfig.TEXT_ENCODER);
    return new TensorParallel(text ? groups.replica() : groups.tp(), format);
  }

  /** Who holds which tokens. */
  public SequenceParallel sequence() {
    return sequence;
  }

  /** Who computes which branch of classifier-free guidance. */
  public Branches branches() {
    return branches;
  }

  /** Who decodes tiles; null when the VAE is not shared out. */
  public TileSharing tiles(DType dtype, Device device) {
    return config.modules().contains(ParallelConfig.VAE) && groups.replica().size() > 1
        ? new TileParallel(groups.replica(), dtype, device)
        : null;
  }

  /** {@code strategies} with this rank's share of the work. */
  public Strategies apply(Strategies strategies) {
    return strategies
        .withLinears((component, format) -> linears(component, format))
        .withAttention(attention)
        .withSequence(sequence)
        .withBranches(branches)
        .withTiles(tiles(strategies.dtype(), strategies.device()));
  }

  /**
   * Sums over the ranks that share one sample and one guidance branch: what the cache decides by.
   */
  public float[] sampleSum(float... values) {
    return groups.sample().sum(values);
  }

  /**
   * {@link #sampleSum} of the positive branch, on the ranks of both: for a cache whose two branches
   * share one decision. Both branches call it.
   */
  public float[] firstBranchSum(float... values) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sums = Tensor.of(sampleSum(values));
      groups.cfg().broadcast(sums, 0).await();
      return sums.toFloats();
    }
  }

  /**
   * Checks that all ranks of a replica are about to do the same: where they differ, they would wait
   * for each other until the timeout.
   *
   * @param what it is about, for the message
   * @param fingerprint a hash of it
   * @throws IllegalStateException naming the ranks that differ from the first
   */
  public void requireSame(String what, long fingerprint) {
    long[] all = groups.replica().gather(fingerprint);
    List<Integer> different = new ArrayList<>();
    for (int i = 1; i < all.length; i++) {
      if (all[i] != all[0]) {
        different.add(i);
      }
    }
    if (!different.isEmpty()) {
      throw new IllegalStateException(
          what
              + " differs between the ranks of a replica: ranks "
              + different
              + " do not agree with rank 0; give all ranks the same command line and files");
    }
  }

  /** Closes the groups, not the world. */
  @Override
  public void close() {
    groups.close();
  }
}
