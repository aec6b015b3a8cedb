package io.jdit.parallel;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.vae.TileSharing;

/**
 * Tile i of a picture is decoded by rank i mod P. Rank 0 receives them and blends as one process
 * would, so that the result has the same bits, and sends it to all.
 */
final class TileParallel implements TileSharing {
  private final ProcessGroup group;
  private final DType dtype;
  private final Device device;

  /**
   * @param dtype of the decoded picture
   */
  TileParallel(ProcessGroup group, DType dtype, Device device) {
    this.group = group;
    this.dtype = dtype;
    this.device = device;
  }

  @Override
  public Tensor run(Tiles tiles) {
    Tensor[] mine = new Tensor[tiles.count()];
    for (int i = group.rank(); i < mine.length; i += group.size()) {
      mine[i] = contiguous(tiles.compute(i));
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor whole;
      if (group.rank() == 0) {
        whole = tiles.join(i -> mine[i] != null ? mine[i] : receive(tiles, i)).contiguous();
      } else {
        for (Tensor tile : mine) {
          if (tile != null) {
            group.send(tile, 0).await();
            tile.close();
          }
        }
        whole = Tensor.empty(dtype, device, tiles.joinedShape());
      }
      group.broadcast(whole, 0).await();
      return scope.keep(whole);
    }
  }

  private Tensor receive(Tiles tiles, int index) {
    Tensor tile = Tensor.empty(dtype, device, tiles.shape(index));
    group.receive(tile, index % group.size()).await();
    return tile;
  }

  private static Tensor contiguous(Tensor tile) {
    if (tile.isContiguous()) {
      return tile;
    }
    try (tile) {
      return tile.contiguous();
    }
  }
}
