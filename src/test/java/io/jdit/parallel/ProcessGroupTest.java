package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.attention.FusedAttention;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.testing.NoLeaks;
import java.net.BindException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ProcessGroupTest {
  @Test
  void collectivesOfFourRanks() {
    LocalWorld.run(
        4,
        g -> {
          int r = g.rank();
          Tensor sum = Tensor.of(new float[] {r, 1});
          g.allReduce(sum).await();
          assertThat(sum.toFloats()).containsExactly(6, 4);

          Tensor all = Tensor.empty(DType.INT64, Device.CPU, 8);
          g.allGather(Tensor.of(new long[] {10L * r, 10L * r + 1}), all).await();
          assertThat(all.toLongs()).containsExactly(0, 1, 10, 11, 20, 21, 30, 31);

          Tensor shared = Tensor.of(new long[] {r});
          g.broadcast(shared, 2).await();
          assertThat(shared.toLongs()).containsExactly(2);

          Tensor coming = Tensor.empty(DType.INT64, Device.CPU, 1);
          g.exchange(Tensor.of(new long[] {r}), (r + 1) % 4, coming, (r + 3) % 4).await();
          assertThat(coming.toLongs()).containsExactly((r + 3) % 4);

          assertThat(g.sum(0.5f, r)).containsExactly(2, 6);
          assertThat(g.gather(r * r)).containsExactly(0, 1, 4, 9);
          g.barrier();
        });
  }

  /** A run that follows in the same job may use the same MASTER_PORT. */
  @Test
  void aClosedWorldFreesItsMeetingPoint() throws Exception {
    int port;
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      port = server.port();
      ProcessGroup world = LocalWorld.join(server, 0, 1, LocalWorld.TIMEOUT);
      assertThatThrownBy(() -> new ServerSocket(port).close()).isInstanceOf(BindException.class);
      world.close();
      new ServerSocket(port).close();
    }
  }

  /** Rank i sends i + 1 rows to everybody: {i, destination}. */
  @Test
  void allToAllWithUnevenRows() {
    LocalWorld.run(
        3,
        g -> {
          int r = g.rank();
          long[] send = IntStream.range(0, 3).mapToLong(i -> r + 1).toArray();
          long[] rows = IntStream.range(0, 3 * (r + 1)).mapToLong(i -> 100L * r + i).toArray();
          Tensor received = Tensor.empty(DType.INT64, Device.CPU, 6, 1);
          g.allToAll(Tensor.of(rows, rows.length, 1), send, received, new long[] {1, 2, 3}).await();
          assertThat(received.toLongs())
              .containsExactly(
                  r, 100 + 2 * r, 100 + 2 * r + 1, 200 + 3 * r, 200 + 3 * r + 1, 200 + 3 * r + 2);
          assertThat(g.traffic().bytes(Collective.ALL_TO_ALL)).isEqualTo(2L * (r + 1) * 8);
        });
  }

  @Test
  void halfPrecisionAndBytesAreSentAsTheyAre() {
    LocalWorld.run(
        2,
        g -> {
          for (DType type : List.of(DType.BFLOAT16, DType.FLOAT16, DType.UINT8)) {
            Tensor mine = Tensor.full(g.rank() + 1, type, Device.CPU, 2, 3);
            Tensor received = Tensor.empty(type, Device.CPU, 2, 3);
            g.allToAll(mine, new long[] {1, 1}, received, new long[] {1, 1}).await();
            assertThat(received.toFloats()).containsExactly(1, 1, 1, 2, 2, 2);
          }
          Tensor sum = Tensor.full(1.5, DType.BFLOAT16, Device.CPU, 3);
          g.allReduce(sum).await();
          assertThat(sum.toFloats()).containsExactly(3, 3, 3);
        });
  }

  @Test
  void subgroupsOfAMeshTalkAmongThemselves() {
    Mesh mesh = new Mesh(1, 1, 2, 1, 2);
    LocalWorld.run(
        4,
        world -> {
          try (MeshGroups groups = MeshGroups.of(mesh, world)) {
            int r = world.rank();
            assertThat(groups.tp().gather(r)).containsExactly(r / 2 * 2L, r / 2 * 2L + 1);
            assertThat(groups.ring().gather(r)).containsExactly(r % 2, r % 2 + 2L);
            assertThat(groups.ulysses().size()).isOne();
            assertThat(groups.sample().gather(r)).containsExactly(0, 1, 2, 3);
            assertThat(groups.bytesSent(Collective.ALL_GATHER)).isEqualTo(8 + 8 + 3 * 8);
          }
        });
  }

  @Test
  void bytesOfEveryKindAreCounted() {
    LocalWorld.run(
        4,
        g -> {
          Tensor t = Tensor.zeros(DType.FLOAT32, Device.CPU, 8);
          g.allReduce(t).await();
          assertThat(g.traffic().bytes(Collective.ALL_REDUCE)).isEqualTo(2 * 32 * 3 / 4);
          g.allGather(t, Tensor.empty(DType.FLOAT32, Device.CPU, 32)).await();
          assertThat(g.traffic().bytes(Collective.ALL_GATHER)).isEqualTo(32 * 3);
          g.exchange(t, (g.rank() + 1) % 4, t.copy(), (g.rank() + 3) % 4).await();
          assertThat(g.traffic().bytes(Collective.POINT_TO_POINT)).isEqualTo(32);
          assertThat(g.traffic().calls(Collective.ALL_REDUCE)).isOne();
          g.traffic().reset();
          assertThat(g.traffic().bytes(Collective.ALL_REDUCE)).isZero();
        });
  }

  @Test
  void aRankThatDoesNotAnswerEndsTheCollective() {
    Duration limit = Duration.ofSeconds(1);
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      LocalWorld.run(
          2,
          world -> {
            try (Rendezvous own = Rendezvous.join("127.0.0.1", server.port(), limit);
                ProcessGroup g = LocalWorld.join(own, world.rank(), 2, limit)) {
              if (world.rank() == 0) {
                Tensor t = Tensor.zeros(DType.FLOAT32, Device.CPU, 4);
                assertThatThrownBy(() -> g.allReduce(t).await())
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("all-reduce of 2 ranks (world) failed")
                    .hasMessageContaining("within 1 s");
              }
              world.barrier();
            }
          });
    }
  }

  @Test
  void ranksThatAreToDoDifferentThingsAreToldBefore() {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, 1, 1, 2));
    LocalWorld.run(
        2,
        world -> {
          try (ParallelModel model = new ParallelModel(config, world, new FusedAttention())) {
            model.requireSame("the seed", 5);
            assertThatThrownBy(() -> model.requireSame("the seed", world.rank()))
                .hasMessageContaining("the seed differs")
                .hasMessageContaining("ranks [1]");
          }
        });
  }

  @Test
  void aMissingRankIsCounted() {
    Duration limit = Duration.ofMillis(300);
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      assertThatThrownBy(() -> server.assemble(0, 3, limit))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("only 1 of 3 ranks joined")
          .hasMessageContaining("missing are [1, 2]");
    }
  }

  @Test
  void twoProcessesOfOneRankAreRefused() {
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      server.assemble(0, 1, LocalWorld.TIMEOUT);
      assertThatThrownBy(() -> server.assemble(0, 1, LocalWorld.TIMEOUT))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("two processes were started as rank 0 of 1");
    }
  }

  @Test
  void interfacesAreThoseOfThisHost() {
    assertThat(Backends.interfaces(null)).isEmpty();
    assertThat(Backends.interfaces(" ")).isEmpty();
    assertThatThrownBy(() -> Backends.interfaces("nowhere0"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("GLOO_SOCKET_IFNAME names 'nowhere0'")
        .hasMessageContaining("lo");
  }

  @Test
  void ranksThatDisagreeOnTheirNumberAreRefused() {
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      server.assemble(0, 1, LocalWorld.TIMEOUT);
      assertThatThrownBy(() -> server.assemble(1, 2, LocalWorld.TIMEOUT))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("give all of them the same WORLD_SIZE");
    }
  }

  @Test
  void aUsedPortIsNamed() {
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, LocalWorld.TIMEOUT)) {
      assertThatThrownBy(() -> Rendezvous.serve("127.0.0.1", server.port(), Duration.ofSeconds(2)))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("port " + server.port())
          .hasMessageContaining("MASTER_PORT");
    }
  }
}
