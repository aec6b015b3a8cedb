package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * Where a process listens for its ranks, as an environment variable carries it: {@code
 * host:port:token}. A rank says the token and its number first.
 *
 * @param token keeps strangers on the same machine out
 */
public record Endpoint(InetAddress host, int port, String token) {
  private static final int TOKEN_BYTES = 16;

  /** A new one of a socket that listens. */
  public static Endpoint of(ServerSocket server) {
    byte[] token = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(token); // a generator that never waits for entropy
    return new Endpoint(
        server.getInetAddress(), server.getLocalPort(), HexFormat.of().formatHex(token));
  }

  /**
   * @param text of {@link #toString}; hosts may contain colons
   */
  public static Endpoint parse(String text) throws IOException {
    int token = text.lastIndexOf(':');
    int port = text.lastIndexOf(':', token - 1);
    return new Endpoint(
        InetAddress.getByName(text.substring(0, port)),
        Integer.parseInt(text.substring(port + 1, token)),
        text.substring(token + 1));
  }

  /** Connects and says who is there. */
  public Socket connect(int rank) throws IOException {
    Socket socket = new Socket(host, port);
    new PrintWriter(new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true)
        .println(token + " " + rank);
    return socket;
  }

  /**
   * Reads who has connected.
   *
   * @return the rank, or -1 for a stranger
   */
  public int greet(BufferedReader in, int size) throws IOException {
    String hello = in.readLine();
    int blank = hello == null ? -1 : hello.indexOf(' ');
    if (blank < 0 || !MessageDigest.isEqual(utf8(hello.substring(0, blank)), utf8(token))) {
      return -1;
    }
    int rank = Integer.parseInt(hello.substring(blank + 1));
    return rank < size ? rank : -1;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    return host.getHostAddress() + ":" + port + ":" + token;
  }
}
