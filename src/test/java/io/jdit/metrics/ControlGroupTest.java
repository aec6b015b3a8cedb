package io.jdit.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits as kernels, containers, systemd and Slurm write them. */
class ControlGroupTest {
  private static final String V1_UNLIMITED = "9223372036854771712";

  @TempDir private Path root;

  @Test
  void pageCacheThatNobodyUsesIsFree() throws IOException {
    write(
        "",
        Map.of(
            "memory.max", "4294967296",
            "memory.current", "4290000000",
            "memory.stat",
                "anon 120000000\nfile 4100000000\ninactive_file 3900000000\nactive_file 150000000"));
    assertThat(group("0::/").availableMemory()).hasValue(4294967296L - (4290000000L - 3900000000L));
  }

  @Test
  void theLeastOfAllGroupsAboveCounts() throws IOException {
    write("", Map.of("memory.stat", "inactive_file 0")); // the root of version 2 has no limit
    write("system.slice", Map.of("memory.max", "max", "memory.current", "5"));
    write("system.slice/job", Map.of("memory.max", "1000", "memory.current", "300"));
    write("system.slice/job/step", Map.of("memory.max", "5000", "memory.current", "100"));
    assertThat(group("0::/system.slice/job/step").availableMemory()).hasValue(700);
    assertThat(group("0::/system.slice").availableMemory()).isEmpty();
  }

  @Test
  void versionOneHasAHierarchyForEachController() throws IOException {
    write(
        "memory",
        Map.of("memory.limit_in_bytes", V1_UNLIMITED, "memory.usage_in_bytes", "800000000"));
    write(
        "memory/jdit-limit",
        Map.of(
            "memory.limit_in_bytes", "943718400",
            "memory.usage_in_bytes", "500000000",
            "memory.stat", "inactive_file 1\ntotal_inactive_file 100000000"));
    write(
        "cpu,cpuacct/jdit-limit",
        Map.of("cpu.cfs_quota_us", "150000", "cpu.cfs_period_us", "100000"));
    ControlGroup group = group("4:memory:/jdit-limit", "2:cpu,cpuacct:/jdit-limit", "0::/");
    assertThat(group.availableMemory()).hasValue(943718400L - 400000000L);
    assertThat(group.processors()).hasValue(1.5);
  }

  /** A container sees its own group as the root, and the host's path in /proc/self/cgroup. */
  @Test
  void pathsOfTheHostAreNotSeenInside() throws IOException {
    write("memory", Map.of("memory.limit_in_bytes", "1000", "memory.usage_in_bytes", "900"));
    write("cpu", Map.of("cpu.cfs_quota_us", "-1", "cpu.cfs_period_us", "100000"));
    ControlGroup group = group("4:memory:/docker/0123456789", "3:cpu:/docker/0123456789");
    assertThat(group.availableMemory()).hasValue(100);
    assertThat(group.processors()).isEmpty();
    assertThat(group("0::/../../outside").availableMemory()).hasValue(100);
  }

  @Test
  void quotasOfVersionTwo() throws IOException {
    write("a", Map.of("cpu.max", "100000 100000"));
    write("a/b", Map.of("cpu.max", "max 100000"));
    assertThat(group("0::/a/b").processors()).hasValue(1);
    assertThat(group("0::/").processors()).isEmpty();
  }

  @Test
  void threadsComeFromTheQuota() throws IOException {
    write("a", Map.of("cpu.max", "150000 100000"));
    assertThat(Processors.limit(group("0::/a"))).hasValue(2);
    write("a", Map.of("cpu.max", "20000 100000"));
    assertThat(Processors.limit(group("0::/a"))).hasValue(1);
    assertThat(Processors.limit(group("0::/"))).isEmpty();
  }

  @Test
  void moreInUseThanAllowedLeavesNothing() throws IOException {
    write("", Map.of("memory.max", "100", "memory.current", "140"));
    assertThat(group("0::/").availableMemory()).hasValue(0);
  }

  private ControlGroup group(String... membership) {
    return new ControlGroup(root, List.of(membership));
  }

  private void write(String group, Map<String, String> files) throws IOException {
    Path folder = Files.createDirectories(root.resolve(group));
    for (Map.Entry<String, String> file : files.entrySet()) {
      Files.writeString(folder.resolve(file.getKey()), file.getValue() + "\n");
    }
  }
}
