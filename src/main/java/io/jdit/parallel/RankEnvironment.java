package io.jdit.parallel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a launcher told this process about its place among the ranks.
 *
 * @param localRank position on its host: the device to use
 * @param masterAddress host on which rank 0 serves the meeting point
 * @param masterPort 0 when rank 0 takes a free port and JDiT's launcher passes it on
 * @param launcher who started it, for messages
 * @param attempt how often torchrun has started these ranks before, where it serves the meeting
 *     point itself; null where rank 0 serves it
 */
public record RankEnvironment(
    int rank,
    int size,
    int localRank,
    String masterAddress,
    int masterPort,
    String launcher,
    Integer attempt) {
  private static final String DEFAULT_PORT = "29500";
  private static final String LOOPBACK = "127.0.0.1";

  /** The variables of one launcher; the first alternative that is set counts. */
  private record Convention(
      String launcher, String rank, List<String> size, List<String> local, List<String> onHost) {}

  private static final List<Convention> CONVENTIONS =
      List.of(
          new Convention(
              "torchrun",
              "RANK",
              List.of("WORLD_SIZE"),
              List.of("LOCAL_RANK"),
              List.of("LOCAL_WORLD_SIZE")),
          new Convention(
              "Open MPI",
              "OMPI_COMM_WORLD_RANK",
              List.of("OMPI_COMM_WORLD_SIZE"),
              List.of("OMPI_COMM_WORLD_LOCAL_RANK"),
              List.of("OMPI_COMM_WORLD_LOCAL_SIZE")),
          new Convention(
              "PMI",
              "PMI_RANK",
              List.of("PMI_SIZE"),
              List.of("MPI_LOCALRANKID", "PMI_LOCAL_RANK", "PALS_LOCAL_RANKID"),
              List.of("MPI_LOCALNRANKS", "PMI_LOCAL_SIZE")),
          new Convention(
              "Slurm",
              "SLURM_PROCID",
              List.of("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"),
              List.of("SLURM_LOCALID"),
              List.of()),
          new Convention("PBS", "PBS_VNODENUM", List.of(), List.of(), List.of()));

  /** Where rank 0 serves the meeting point. */
  RankEnvironment(
      int rank, int size, int localRank, String masterAddress, int masterPort, String launcher) {
    this(rank, size, localRank, masterAddress, masterPort, launcher, null);
  }

  public RankEnvironment {
    if (size < 1 || rank < 0 || rank >= size || localRank < 0) {
      throw new IllegalArgumentException(
          launcher
              + " says rank "
              + rank
              + ", local rank "
              + localRank
              + " of "
              + size
              + " ranks: expected 0 <= rank < size");
    }
  }

  /**
   * Reads the first complete set of variables, in the order torchrun, Open MPI, MPICH (PMI), Slurm,
   * PBS ({@code pbsdsh}). Empty when nobody started this process as a rank; a script in a Slurm or
   * PBS allocation is none by itself. Variables that are blank or -1 count as unset.
   *
   * @throws IllegalArgumentException naming the variable that is missing or malformed
   */
  public static Optional<RankEnvironment> detect(Map<String, String> environment) {
    Map<String, String> env = new HashMap<>(environment);
    env.values().removeIf(value -> value.isBlank() || value.strip().equals("-1"));
    for (Convention c : CONVENTIONS) {
      if (env.containsKey(c.rank) && !scriptOfAnAllocation(c, env)) {
        Optional<RankEnvironment> found = read(c, env);
        if (found.isPresent()) {
          return found;
        }
      }
    }
    return Optional.empty();
  }

  /**
   * sbatch sets the variables of rank 0 for the script too; srun alone sets those of the step. PBS
   * counts the script as the first task of its first host, and what pbsdsh starts from there on.
   */
  private static boolean scriptOfAnAllocation(Convention c, Map<String, String> env) {
    return switch (c.launcher) {
      case "Slurm" ->
          env.containsKey("SLURM_JOB_ID")
              && !env.containsKey("SLURM_STEP_ID")
              && !env.containsKey("SLURM_STEPID");
      case "PBS" -> "1".equals(env.get("PBS_TASKNUM")) && "0".equals(env.get("PBS_NODENUM"));
      default -> false;
    };
  }

  private static Optional<RankEnvironment> read(Convention c, Map<String, String> env) {
    List<String> hosts = pbsHosts(env);
    int rank = number(env, c.rank);
    int size;
    if (c.launcher.equals("PBS")) {
      size = hosts.size();
    } else {
      String variable = first(env, c.size);
      size = variable == null ? 0 : number(env, variable);
    }
    if (size == 0) {
      return Optional.empty();
    }
    String local = first(env, c.local);
    String address = env.get("MASTER_ADDR");
    if (address == null) {
      address = meetingHost(c, env, size, hosts);
    }
    int port = number(env, "MASTER_PORT", DEFAULT_PORT);
    boolean assigned = env.containsKey(LauncherLink.VARIABLE);
    if (port < (assigned ? 0 : 1) || port > 65535) {
      throw new IllegalArgumentException("MASTER_PORT is " + port + ", expected 1 to 65535");
    }
    int localRank = local != null ? number(env, local) : localRank(rank, hosts);
    boolean served =
        !assigned && Boolean.parseBoolean(env.get("TORCHELASTIC_USE_AGENT_STORE")); // "True"
    Integer attempt = served ? number(env, "TORCHELASTIC_RESTART_COUNT", "0") : null;
    return Optional.of(
        new RankEnvironment(rank, size, localRank, address, port, c.launcher, attempt));
  }

  private static int localRank(int rank, List<String> hosts) {
    if (rank >= hosts.size()) {
      return rank; // one host
    }
    return (int) hosts.subList(0, rank).stream().filter(hosts.get(rank)::equals).count();
  }

  private static String meetingHost(
      Convention c, Map<String, String> env, int size, List<String> hosts) {
    String nodes = env.get("SLURM_JOB_NODELIST");
    if (nodes != null && !nodes.isBlank()) {
      return firstHost(nodes);
    }
    if (!hosts.isEmpty()) {
      return hosts.get(0);
    }
    String onHost = first(env, c.onHost);
    if (size == 1 || (onHost != null && number(env, onHost) == size)) {
      return LOOPBACK;
    }
    throw new IllegalArgumentException(
        c.launcher
            + " started "
            + size
            + " ranks but MASTER_ADDR is not set: set it to the host of rank 0 (and MASTER_PORT to a"
            + " free port there)");
  }

  /** First host of Slurm's compressed list: {@code node[003-010,12],x1} gives {@code node003}. */
  static String firstHost(String list) {
    int bracket = list.indexOf('[');
    int comma = list.indexOf(',');
    if (bracket < 0 || (comma >= 0 && comma < bracket)) {
      return comma < 0 ? list : list.substring(0, comma);
    }
    String number = list.substring(bracket + 1).split("[-,\\]]", 2)[0];
    int end = list.indexOf(']', bracket);
    String rest = end < 0 ? "" : list.substring(end + 1).split(",", 2)[0];
    return list.substring(0, bracket) + number + (rest.isEmpty() ? "" : firstHost(rest));
  }

  private static List<String> pbsHosts(Map<String, String> env) {
    String file = env.get("PBS_NODEFILE");
    if (file == null) {
      return List.of();
    }
    try {
      return Files.readAllLines(Path.of(file)).stream().filter(l -> !l.isBlank()).toList();
    } catch (IOException e) {
      throw new IllegalArgumentException("PBS_NODEFILE " + file + " cannot be read", e);
    }
  }

  private static String first(Map<String, String> env, List<String> names) {
    return names.stream().filter(env::containsKey).findFirst().orElse(null);
  }

  private static int number(Map<String, String> env, String name) {
    return number(env, name, null);
  }

  private static int number(Map<String, String> env, String name, String absent) {
    String text = env.getOrDefault(name, absent);
    try {
      return Integer.parseInt(text.strip());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "environment variable " + name + " is '" + text + "', expected a whole number", e);
    }
  }
}
