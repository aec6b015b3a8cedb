package io.jdit.parallel;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The processor cores of this process, shared out over the ranks that it starts: a rank that
 * wanders between cores leaves its caches behind.
 *
 * @param cores numbers of the cores that this process may use
 */
record CoreShares(List<Integer> cores) {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String ALLOWED = "Cpus_allowed_list:";
  private static final String TASKSET = "taskset";

  /** The cores of this process; none where they are not known or cannot be assigned. */
  static CoreShares here() {
    boolean assignable =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, TASKSET)));
    if (assignable) {
      try (Stream<String> lines = Files.lines(STATUS)) {
        return lines
            .filter(l -> l.startsWith(ALLOWED))
            .findFirst()
            .map(l -> parse(l.substring(ALLOWED.length()).strip()))
            .orElse(new CoreShares(List.of()));
      } catch (IOException e) {
        // No Linux: the system's scheduler decides.
      }
    }
    return new CoreShares(List.of());
  }

  /** Reads a list such as {@code 0-3,8}. */
  static CoreShares parse(String list) {
    List<Integer> cores = new ArrayList<>();
    for (String range : list.split(",")) {
      String[] ends = range.split("-");
      IntStream.rangeClosed(
              Integer.parseInt(ends[0].strip()), Integer.parseInt(ends[ends.length - 1].strip()))
          .forEach(cores::add);
    }
    return new CoreShares(List.copyOf(cores));
  }

  /** What goes before the command of a rank; nothing when there are fewer cores than ranks. */
  List<String> prefix(int rank, int ranks) {
    if (cores.size() < ranks) {
      return List.of();
    }
    List<Integer> share =
        cores.subList(rank * cores.size() / ranks, (rank + 1) * cores.size() / ranks);
    return List.of(
        TASKSET, "-c", share.stream().map(String::valueOf).collect(Collectors.joining(",")));
  }
}
