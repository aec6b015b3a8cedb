package io.jdit.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * Both ends of a TCP connection.
 *
 * @param here this process's
 * @param there the other one
 */
record Connection(InetSocketAddress here, InetSocketAddress there) {
  private static final List<Path> TABLES =
      List.of(Path.of("/proc/self/net/tcp"), Path.of("/proc/self/net/tcp6"));
  private static final String ESTABLISHED = "01"; // TCP_ESTABLISHED of net/tcp_states.h

  /** Whether the system says which connections there are: Linux does. */
  static boolean areKnown() {
    return TABLES.stream().anyMatch(Files::isReadable);
  }

  /** Connections that both sides hold open: when one has closed its side the state is another. */
  static Set<Connection> established() throws IOException {
    Set<Connection> found = new HashSet<>();
    for (Path table : TABLES) {
      if (Files.isReadable(table)) {
        found.addAll(established(Files.readAllLines(table)));
      }
    }
    return found;
  }

  /**
   * @param lines of such a table, the first one names the columns (proc_net_tcp of the kernel's
   *     documentation)
   */
  static Set<Connection> established(List<String> lines) {
    Set<Connection> found = new HashSet<>();
    for (String line : lines.subList(1, lines.size())) {
      String[] fields = line.strip().split("\\s+");
      if (fields[3].equals(ESTABLISHED)) {
        found.add(new Connection(address(fields[1]), address(fields[2])));
      }
    }
    return found;
  }

  /** Words of 32 bits in the machine's order, a colon, and the port. */
  private static InetSocketAddress address(String text) {
    int colon = text.indexOf(':');
    ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(text, 0, colon));
    ByteBuffer ordered = ByteBuffer.allocate(bytes.capacity()).order(ByteOrder.nativeOrder());
    while (bytes.hasRemaining()) {
      ordered.putInt(bytes.getInt());
    }
    try {
      return new InetSocketAddress(
          InetAddress.getByAddress(ordered.array()),
          Integer.parseInt(text.substring(colon + 1), 16));
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e); // 4 or 16 bytes always
    }
  }
}
