package io.jdit.engine;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import tools.jackson.databind.json.JsonMapper;

/** Commands and replies between a server and a rank: a line of JSON each, over loopback. */
final class RankConnection implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final int HELLO_MILLIS = 5_000;

  private final int rank;
  private final Socket socket;
  private final BufferedReader in;
  private final BufferedWriter out;

  private RankConnection(int rank, Socket socket) throws IOException {
    this.rank = rank;
    this.socket = socket;
    socket.setTcpNoDelay(true);
    in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    out =
        new BufferedWriter(
            new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8));
  }

  /**
   * The server's side.
   *
   * @return null when it is not one of its ranks
   */
  static RankConnection accept(Socket socket, String token, int size) {
    try {
      socket.setSoTimeout(HELLO_MILLIS);
      RankConnection connection = new RankConnection(-1, socket);
      String hello = connection.in.readLine();
      if (hello == null || hello.indexOf(' ') < 0) {
        return null;
      }
      String given = hello.substring(0, hello.indexOf(' '));
      int rank = Integer.parseInt(hello.substring(hello.indexOf(' ') + 1));
      boolean known =
          MessageDigest.isEqual(
              given.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
      if (!known || rank < 0 || rank >= size) {
        return null;
      }
      socket.setSoTimeout(0);
      return new RankConnection(rank, socket);
    } catch (IOException | NumberFormatException e) {
      return null;
    }
  }

  /**
   * The rank's side.
   *
   * @param address value of {@link RankRunner#VARIABLE}
   */
  static RankConnection connect(String address, int rank) throws IOException {
    int colon = address.indexOf(':');
    Socket socket =
        new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(address.substring(0, colon)));
    RankConnection connection = new RankConnection(rank, socket);
    connection.write(address.substring(colon + 1) + " " + rank);
    return connection;
  }

  int rank() {
    return rank;
  }

  void send(RankCommand command) throws IOException {
    write(JSON.writeValueAsString(command));
  }

  void send(RankReply reply) throws IOException {
    write(JSON.writeValueAsString(reply));
  }

  RankReply receive() throws IOException {
    return JSON.readValue(line(), RankReply.class);
  }

  RankCommand next() throws IOException {
    return JSON.readValue(line(), RankCommand.class);
  }

  private String line() throws IOException {
    String line = in.readLine();
    if (line == null) {
      throw new EOFException("the connection was closed");
    }
    return line;
  }

  private void write(String line) throws IOException {
    out.write(line);
    out.newLine();
    out.flush();
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // The other side is gone.
    }
  }
}
