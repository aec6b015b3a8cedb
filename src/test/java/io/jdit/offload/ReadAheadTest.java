package io.jdit.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceCopy;
import io.jdit.tensor.Tensor;
import io.jdit.testing.NoLeaks;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ReadAheadTest {
  private final List<String> read = Collections.synchronizedList(new ArrayList<>());
  private final Semaphore reads = new Semaphore(0);

  private final TensorSource source =
      new TensorSource() {
        @Override
        public Set<String> names() {
          return Set.of();
        }

        @Override
        public TensorInfo info(String name) {
          return null;
        }

        @Override
        public Tensor read(String name) {
          read.add(name);
          reads.release();
          if (name.equals("broken")) {
            throw new ModelFormatException("it is broken");
          }
          return Tensor.of(new float[] {name.charAt(0)});
        }

        @Override
        public String fileOf(String name) {
          return "a test";
        }

        @Override
        public void close() {
          // Nothing is held.
        }
      };

  private static List<TensorInfo> set(String... names) {
    List<TensorInfo> set = new ArrayList<>();
    for (String name : names) {
      set.add(new TensorInfo(name, DType.FLOAT32, new long[] {1}, 0));
    }
    return set;
  }

  private ReadAhead ahead(int limit) {
    return new ReadAhead("test", source, limit, DeviceCopy.to(Device.CPU));
  }

  private void awaitReads(int n) throws InterruptedException {
    assertThat(reads.tryAcquire(n, 10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void noMoreIsReadThanTheLimit() throws Exception {
    List<TensorInfo> a = set("a");
    List<TensorInfo> b = set("b", "bb");
    List<TensorInfo> c = set("c");
    try (ReadAhead ahead = ahead(2)) {
      List.of(a, b, c).forEach(ahead::expect);
      awaitReads(3);
      assertThat(reads.tryAcquire(100, TimeUnit.MILLISECONDS)).isFalse();
      assertThat(read).containsExactly("a", "b", "bb");
      ahead.take(a).close();
      awaitReads(1);
      assertThat(read).endsWith("c");
      try (ReadAhead.Reading two = ahead.take(b)) {
        assertThat(two.tensors()).containsOnlyKeys("b", "bb");
        assertThat(two.tensors().get("b").item()).isEqualTo('b');
      }
    } // c is there and nobody took it
  }

  @Test
  void whatIsTakenCountsUntilItIsGivenBack() throws Exception {
    List<TensorInfo> a = set("a");
    List<TensorInfo> b = set("b");
    try (ReadAhead ahead = ahead(1)) {
      ahead.expect(a);
      ahead.expect(b);
      try (ReadAhead.Reading taken = ahead.take(a)) {
        awaitReads(1);
        assertThat(reads.tryAcquire(100, TimeUnit.MILLISECONDS)).isFalse();
      }
      awaitReads(1);
    }
  }

  @Test
  void whatNobodyTookIsLetGoWhenSomethingElseIsTaken() throws Exception {
    List<TensorInfo> a = set("a");
    List<TensorInfo> b = set("b");
    List<TensorInfo> c = set("c");
    try (ReadAhead ahead = ahead(1)) {
      ahead.expect(a);
      ahead.expect(b);
      awaitReads(1);
      ahead.expect(a); // given up and begun anew
      ahead.expect(c);
      ahead.take(a).close();
      ahead.take(c).close();
      ahead.take(b).close(); // not announced
    }
  }

  @Test
  void aFailureComesOutWhereTheTensorsAreTaken() {
    List<TensorInfo> good = set("a");
    List<TensorInfo> broken = set("b", "broken");
    try (ReadAhead ahead = ahead(2)) {
      ahead.expect(broken);
      ahead.expect(good);
      assertThatThrownBy(() -> ahead.take(broken))
          .isInstanceOf(ModelFormatException.class)
          .hasMessage("it is broken");
      ahead.take(good).close();
    }
  }

  @Test
  void anInterruptIsKeptForWhoeverRunsTheThread() {
    List<TensorInfo> a = set("a");
    try (ReadAhead ahead = ahead(1)) {
      Thread.currentThread().interrupt();
      ahead.take(a).close();
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
