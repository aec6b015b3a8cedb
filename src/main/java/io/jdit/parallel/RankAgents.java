package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Ranks under torchrun, srun or mpirun for a program that has to be able to start them again: the
 * processes which those started stay, one for each rank, and run their rank as a child whenever the
 * first of them says so ({@link RankAgent} on the others).
 */
public final class RankAgents implements RankHosts, AutoCloseable {
  /** Key of the meeting point under which the first leaves its address. */
  static final String KEY = "jdit/agents";

  private static final int HELLO_MILLIS = 5_000;

  private final RankEnvironment environment;
  private final List<String> command;
  private final PrintStream err;
  private final InetAddress address;
  private final List<AgentConnection> others; // of ranks 1, 2, ...

  private RankAgents(
      RankEnvironment environment,
      List<String> command,
      PrintStream err,
      InetAddress address,
      List<AgentConnection> others) {
    this.environment = environment;
    this.command = List.copyOf(command);
    this.err = err;
    this.address = address;
    this.others = others;
  }

  /**
   * Waits for the other processes: for the first one.
   *
   * @param command program and arguments of a rank here
   * @param onLeave is called when one of them was told to end: it goes when this one has gone
   * @param onLost is told when one of them is gone, after which no rank can be started any more
   * @throws CollectiveException when some are missing, or disagree
   */
  public static RankAgents gather(
      RankProcess first,
      List<String> command,
      PrintStream err,
      Runnable onLeave,
      Consumer<String> onLost) {
    RankEnvironment environment = first.environment();
    AgentConnection[] others = new AgentConnection[environment.size() - 1];
    try (Rendezvous rendezvous = first.meet()) {
      InetAddress address = InetAddress.getByName(rendezvous.localAddress());
      try (ServerSocket server = new ServerSocket(0, others.length, address)) {
        Endpoint endpoint = Endpoint.of(server);
        rendezvous.publish(KEY, endpoint.toString());
        server.setSoTimeout((int) first.joinTimeout().toMillis());
        for (int open = others.length; open > 0; ) {
          Socket socket = server.accept();
          socket.setSoTimeout(HELLO_MILLIS);
          BufferedReader in = AgentConnection.reader(socket);
          int rank = endpoint.greet(in, environment.size());
          if (rank < 1) {
            socket.close();
            continue;
          }
          socket.setSoTimeout(0);
          others[rank - 1] = new AgentConnection(rank, socket, in, onLeave, onLost);
          open--;
        }
      }
      return new RankAgents(environment, command, err, address, List.of(others));
    } catch (SocketTimeoutException e) {
      throw new CollectiveException("a process of another rank went while joining", e);
    } catch (IOException e) {
      throw new CollectiveException("no connection between the ranks: " + e.getMessage(), e);
    }
  }

  @Override
  public int size() {
    return environment.size();
  }

  @Override
  public InetAddress address() {
    return address;
  }

  @Override
  public LaunchedRank start(int rank, Map<String, String> variables) throws IOException {
    if (rank > 0) {
      return LaunchedRank.of(rank, others.get(rank - 1).start(variables));
    }
    Map<String, String> env = new HashMap<>(variables);
    env.put("LOCAL_RANK", Integer.toString(environment.localRank()));
    return LaunchedRank.start(rank, command, env, err);
  }

  /** Lets the other processes end. */
  @Override
  public void close() {
    others.forEach(AgentConnection::close);
  }
}
