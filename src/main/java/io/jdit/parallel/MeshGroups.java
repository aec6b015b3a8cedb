package io.jdit.parallel;

import io.jdit.parallel.Mesh.Dimension;
import java.util.List;

/**
 * The groups that one rank of a mesh belongs to.
 *
 * @param world all ranks
 * @param replica the ranks that work on one request
 * @param sample the ranks that share one sample and one guidance branch: they decide alike
 * @param context ranks whose parts make up the tokens of a sample, in part order
 */
public record MeshGroups(
    Mesh mesh,
    ProcessGroup world,
    ProcessGroup replica,
    ProcessGroup cfg,
    ProcessGroup sample,
    ProcessGroup context,
    ProcessGroup ring,
    ProcessGroup ulysses,
    ProcessGroup tp)
    implements AutoCloseable {

  /**
   * Makes the groups; all ranks of {@code world} call it.
   *
   * @throws IllegalArgumentException when the mesh has another number of ranks
   */
  public static MeshGroups of(Mesh mesh, ProcessGroup world) {
    if (mesh.ranks() != world.size()) {
      throw new IllegalArgumentException(
          "the mesh " + mesh + " has " + mesh.ranks() + " ranks, started were " + world.size());
    }
    return new MeshGroups(
        mesh,
        world,
        along(
            mesh, world, "replica", Dimension.CFG, Dimension.RING, Dimension.ULYSSES, Dimension.TP),
        along(mesh, world, "cfg", Dimension.CFG),
        along(mesh, world, "sample", Dimension.RING, Dimension.ULYSSES, Dimension.TP),
        along(mesh, world, "context", Dimension.RING, Dimension.ULYSSES),
        along(mesh, world, "ring", Dimension.RING),
        along(mesh, world, "ulysses", Dimension.ULYSSES),
        along(mesh, world, "tp", Dimension.TP));
  }

  private static ProcessGroup along(
      Mesh mesh, ProcessGroup world, String name, Dimension... dimensions) {
    return world.subgroup(name, mesh.group(world.rank(), dimensions));
  }

  /** Bytes of this kind that this rank has sent in all groups. */
  public long bytesSent(Collective kind) {
    return all().stream().mapToLong(g -> g.traffic().bytes(kind)).sum();
  }

  private List<ProcessGroup> all() {
    return List.of(world, replica, cfg, sample, context, ring, ulysses, tp);
  }

  /** Closes the groups, {@code world} stays open. */
  @Override
  public void close() {
    all().stream().filter(g -> g != world).forEach(ProcessGroup::close);
  }
}
