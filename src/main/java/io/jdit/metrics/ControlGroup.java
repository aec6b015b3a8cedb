package io.jdit.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Limits of the control groups that this process is in (Linux cgroups, versions 1 and 2): its own
 * and all above it, as containers, systemd and Slurm set them.
 *
 * @param root where the hierarchies are mounted
 * @param membership lines of /proc/self/cgroup
 */
public record ControlGroup(Path root, List<String> membership) {
  /** A limit above it stands for none: version 1 writes the largest number of pages. */
  private static final long UNLIMITED = 1L << 60;

  /** That of this process. */
  public static ControlGroup ofProcess() {
    try {
      return new ControlGroup(
          Path.of("/sys/fs/cgroup"), Files.readAllLines(Path.of("/proc/self/cgroup")));
    } catch (IOException e) {
      return new ControlGroup(Path.of("/sys/fs/cgroup"), List.of());
    }
  }

  /**
   * Bytes that new allocations can still take: the least of all groups. Page cache that nobody uses
   * counts as free, since the kernel drops it first.
   */
  public OptionalLong availableMemory() {
    return folders("memory").stream()
        .map(ControlGroup::available)
        .flatMapToLong(OptionalLong::stream)
        .min();
  }

  private static OptionalLong available(Path group) {
    boolean second = Files.exists(group.resolve("memory.max"));
    OptionalLong limit = number(group.resolve(second ? "memory.max" : "memory.limit_in_bytes"));
    OptionalLong used = number(group.resolve(second ? "memory.current" : "memory.usage_in_bytes"));
    if (limit.isEmpty() || limit.getAsLong() >= UNLIMITED || used.isEmpty()) {
      return OptionalLong.empty();
    }
    long cache =
        field(group.resolve("memory.stat"), second ? "inactive_file" : "total_inactive_file");
    return OptionalLong.of(Math.max(0, limit.getAsLong() - Math.max(0, used.getAsLong() - cache)));
  }

  /** Processors that the groups allow on average; empty without a quota. */
  public OptionalDouble processors() {
    return folders("cpu").stream()
        .map(ControlGroup::quota)
        .flatMapToDouble(OptionalDouble::stream)
        .min();
  }

  private static OptionalDouble quota(Path group) {
    String[] max = text(group.resolve("cpu.max")).split(" ");
    if (max.length == 2 && !max[0].equals("max")) {
      return OptionalDouble.of(Double.parseDouble(max[0]) / Double.parseDouble(max[1]));
    }
    OptionalLong quota = number(group.resolve("cpu.cfs_quota_us"));
    OptionalLong period = number(group.resolve("cpu.cfs_period_us"));
    return quota.isPresent() && quota.getAsLong() > 0 && period.isPresent()
        ? OptionalDouble.of((double) quota.getAsLong() / period.getAsLong())
        : OptionalDouble.empty();
  }

  /** The groups that limit {@code controller} for this process, from its own up to the root. */
  private List<Path> folders(String controller) {
    List<Path> folders = new ArrayList<>();
    for (String line : membership) {
      String[] fields = line.split(":", 3); // number, controllers, path
      if (fields.length == 3 && fields[1].isEmpty()) {
        addAncestors(folders, root, fields[2]);
        addAncestors(folders, root.resolve("unified"), fields[2]);
      } else if (fields.length == 3 && List.of(fields[1].split(",")).contains(controller)) {
        addAncestors(folders, root.resolve(fields[1]), fields[2]);
        addAncestors(folders, root.resolve(controller), fields[2]);
      }
    }
    // In a container the path may be that of the host, and its group the root of what is seen.
    folders.add(root);
    folders.add(root.resolve(controller));
    return folders.stream().distinct().filter(Files::isDirectory).toList();
  }

  private static void addAncestors(List<Path> folders, Path top, String path) {
    Path folder = top.resolve(path.substring(1)).normalize();
    while (folder.startsWith(top)) {
      folders.add(folder);
      folder = folder.getParent();
    }
  }

  /** Empty for {@code max}, for numbers beyond a long and for files that are not there. */
  private static OptionalLong number(Path file) {
    try {
      return OptionalLong.of(Long.parseLong(text(file)));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private static long field(Path file, String name) {
    return text(file)
        .lines()
        .map(l -> l.split(" "))
        .filter(f -> f.length == 2 && f[0].equals(name))
        .mapToLong(f -> Long.parseLong(f[1]))
        .findFirst()
        .orElse(0);
  }

  private static String text(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
