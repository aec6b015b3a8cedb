package io.jdit.parallel;

import java.io.IOException;
import java.net.InetAddress;
import java.util.Map;

/** Where the processes of ranks run. */
public sealed interface RankHosts permits LocalRanks, RankAgents {
  /** Ranks that there are. */
  int size();

  /** Of this host, as all of them reach it. */
  InetAddress address();

  /**
   * Starts a rank.
   *
   * @param variables of its environment, besides those that are there
   * @throws IOException when it cannot be started
   */
  LaunchedRank start(int rank, Map<String, String> variables) throws IOException;
}
