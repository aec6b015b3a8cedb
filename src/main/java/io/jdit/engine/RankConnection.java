package io.jdit.engine;

import io.jdit.parallel.Endpoint;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.json.JsonMapper;

/** Commands and replies between a server and a rank: a line of JSON each. */
final class RankConnection implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final int HELLO_MILLIS = 5_000;

  private final int rank;
  private final Socket socket;
  private final BufferedReader in;
  private final BufferedWriter out;

  private RankConnection(int rank, Socket socket, BufferedReader in) throws IOException {
    this.rank = rank;
    this.socket = socket;
    this.in = in;
    socket.setTcpNoDelay(true);
    out =
        new BufferedWriter(
            new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8));
  }

  /**
   * The server's side.
   *
   * @return null when it is not one of its ranks
   */
  static RankConnection accept(Socket socket, Endpoint endpoint, int size) {
    try {
      socket.setSoTimeout(HELLO_MILLIS);
      BufferedReader in = reader(socket);
      int rank = endpoint.greet(in, size);
      if (rank < 0) {
        return null;
      }
      socket.setSoTimeout(0);
      return new RankConnection(rank, socket, in);
    } catch (IOException | NumberFormatException e) {
      return null;
    }
  }

  /**
   * The rank's side.
   *
   * @param endpoint value of {@link RankRunner#VARIABLE}
   */
  static RankConnection connect(String endpoint, int rank) throws IOException {
    Socket socket = Endpoint.parse(endpoint).connect(rank);
    return new RankConnection(rank, socket, reader(socket));
  }

  private static BufferedReader reader(Socket socket) throws IOException {
    return new BufferedReader(
        new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
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
