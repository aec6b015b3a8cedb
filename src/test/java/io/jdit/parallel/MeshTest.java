package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.parallel.Mesh.Dimension;
import org.junit.jupiter.api.Test;

class MeshTest {
  /** rank = (ring U + ulysses) T + tp, the replicas and branches around it. */
  @Test
  void ranksCountTheInnermostDimensionFastest() {
    Mesh mesh = new Mesh(2, 2, 3, 4, 2);
    assertThat(mesh.ranks()).isEqualTo(96);
    int rank = 0;
    for (int d = 0; d < 2; d++) {
      for (int c = 0; c < 2; c++) {
        for (int r = 0; r < 3; r++) {
          for (int u = 0; u < 4; u++) {
            for (int t = 0; t < 2; t++) {
              assertThat(mesh.coordinate(rank, Dimension.DP)).isEqualTo(d);
              assertThat(mesh.coordinate(rank, Dimension.CFG)).isEqualTo(c);
              assertThat(mesh.coordinate(rank, Dimension.RING)).isEqualTo(r);
              assertThat(mesh.coordinate(rank, Dimension.ULYSSES)).isEqualTo(u);
              assertThat(mesh.coordinate(rank, Dimension.TP)).isEqualTo(t);
              assertThat(mesh.contextRank(rank)).isEqualTo(r * 4 + u);
              rank++;
            }
          }
        }
      }
    }
  }

  @Test
  void groupsOfTheThreeDimensionalMesh() {
    Mesh mesh = new Mesh(1, 1, 2, 2, 2);
    assertThat(mesh.group(5, Dimension.TP)).containsExactly(4, 5);
    assertThat(mesh.group(5, Dimension.ULYSSES)).containsExactly(5, 7);
    assertThat(mesh.group(5, Dimension.RING)).containsExactly(1, 5);
    assertThat(mesh.group(5, Dimension.RING, Dimension.ULYSSES)).containsExactly(1, 3, 5, 7);
  }

  @Test
  void groupsWorkUpToAThousandRanks() {
    Mesh mesh = new Mesh(4, 2, 2, 8, 8);
    assertThat(mesh.ranks()).isEqualTo(1024);
    assertThat(mesh.group(1023, Dimension.ULYSSES))
        .containsExactly(967, 975, 983, 991, 999, 1007, 1015, 1023);
  }

  @Test
  void emptyDimensionsAreRefused() {
    assertThatThrownBy(() -> new Mesh(1, 1, 0, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("found 0");
  }
}
