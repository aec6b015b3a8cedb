package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import tools.jackson.databind.json.JsonMapper;

/**
 * The first process's connection to that of another rank ({@link RankAgent}): starts children
 * there. Lines of text; a child is meant by a number.
 */
final class AgentConnection implements AutoCloseable {
  static final String START = "start ";
  static final String END = "end ";
  static final String KILL = "kill ";
  static final String ENDED = "ended ";
  static final String LEAVING = "leaving";

  /** Exit code of a child whose process is gone: as that of one that was killed. */
  private static final int GONE = 137;

  private final int rank;
  private final Socket socket;
  private final PrintWriter out;
  private final Map<Integer, RemoteProcess> children = new ConcurrentHashMap<>();
  private int started;
  private volatile boolean open = true;

  AgentConnection(
      int rank, Socket socket, BufferedReader in, Runnable onLeave, Consumer<String> onLost)
      throws IOException {
    this.rank = rank;
    this.socket = socket;
    out =
        new PrintWriter(
            new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true);
    Thread reader = new Thread(() -> listen(in, onLeave, onLost), "jdit-agent-" + rank);
    reader.setDaemon(true);
    reader.start();
  }

  int rank() {
    return rank;
  }

  static BufferedReader reader(Socket socket) throws IOException {
    return new BufferedReader(
        new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
  }

  private void listen(BufferedReader in, Runnable onLeave, Consumer<String> onLost) {
    try {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.equals(LEAVING)) {
          onLeave.run();
          continue;
        }
        String[] words = line.substring(ENDED.length()).split(" ");
        children.remove(Integer.parseInt(words[0])).ended(Integer.parseInt(words[1]));
      }
    } catch (IOException e) {
      // The same as the end of the stream.
    }
    boolean lost = open;
    open = false;
    children.values().forEach(c -> c.ended(GONE));
    if (lost) {
      onLost.accept("the process of rank " + rank + " on " + host() + " is gone");
    }
  }

  private String host() {
    return socket.getInetAddress().getHostAddress();
  }

  /**
   * Starts a child.
   *
   * @throws IOException when the process there is gone
   */
  Process start(Map<String, String> variables) throws IOException {
    int number = started++;
    RemoteProcess child = new RemoteProcess(forced -> out.println((forced ? KILL : END) + number));
    children.put(number, child);
    out.println(START + number + " " + JsonMapper.shared().writeValueAsString(variables));
    if (!open) {
      throw new IOException("the process of rank " + rank + " on " + host() + " is gone");
    }
    return child;
  }

  @Override
  public void close() {
    open = false;
    try {
      socket.close();
    } catch (IOException e) {
      // The other side is gone.
    }
  }
}
