package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CoreSharesTest {
  @Test
  void coresAreSharedOutInOrder() {
    CoreShares shares = CoreShares.parse("0-2,8,10-11");
    assertThat(shares.cores()).containsExactly(0, 1, 2, 8, 10, 11);
    assertThat(shares.prefix(0, 2)).containsExactly("taskset", "-c", "0,1,2");
    assertThat(shares.prefix(1, 2)).containsExactly("taskset", "-c", "8,10,11");
    assertThat(shares.prefix(3, 4)).containsExactly("taskset", "-c", "10,11");
    assertThat(shares.prefix(0, 7)).isEmpty();
    assertThat(CoreShares.parse("5").prefix(0, 1)).containsExactly("taskset", "-c", "5");
  }

  @Test
  void aRankRunsOnItsShare() throws Exception {
    CoreShares here = CoreShares.here();
    assumeTrue(here.cores().size() >= 2, "two cores and taskset are needed to share them out");
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(err, true, StandardCharsets.UTF_8);
    List<String> command = List.of("sh", "-c", "grep Cpus_allowed_list /proc/self/status >&2");
    assertThat(new Launcher(LocalRanks.of(command, 2, out).sharingCores(), Map.of(), out).run())
        .isZero();
    String line = err.toString(StandardCharsets.UTF_8).strip();
    assertThat(line).startsWith("[rank 1] Cpus_allowed_list:");
    List<Integer> cores = CoreShares.parse(line.substring(line.indexOf(':') + 1)).cores();
    int half = here.cores().size() / 2;
    assertThat(cores).isEqualTo(here.cores().subList(half, here.cores().size()));
  }
}
