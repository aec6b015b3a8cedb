package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/**
 * A rank's connection to the launcher that started it: lines of text over a socket. When the
 * launcher is gone the rank ends at once, so that none is left behind.
 */
final class LauncherLink {
  /** Environment variable with the {@link Endpoint} that the launcher gives its ranks. */
  static final String VARIABLE = "JDIT_LAUNCHER";

  static final String SERVING = "serving ";
  static final String STAGE = "stage ";
  static final String FAILED = "failed ";
  static final String RESULT = "result ";
  static final String PORT = "port ";
  static final String END = "end";

  /** Exit code of a rank whose launcher disappeared. */
  static final int ORPHANED = 143;

  private final PrintWriter out;
  private final CompletableFuture<Integer> port = new CompletableFuture<>();
  private final CompletableFuture<Void> end = new CompletableFuture<>();

  private LauncherLink(Socket socket) throws IOException {
    out =
        new PrintWriter(
            new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true);
    Thread reader = new Thread(() -> listen(socket), "jdit-launcher-link");
    reader.setDaemon(true);
    reader.start();
  }

  /**
   * @param address value of {@link #VARIABLE}
   */
  static LauncherLink connect(String address, int rank) {
    try {
      return new LauncherLink(Endpoint.parse(address).connect(rank));
    } catch (IOException e) {
      throw new CollectiveException("the launcher of rank " + rank + " is gone", e);
    }
  }

  private void listen(Socket socket) {
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.startsWith(PORT)) {
          port.complete(Integer.parseInt(line.substring(PORT.length())));
        } else if (line.equals(END)) {
          end.complete(null);
        }
      }
    } catch (IOException e) {
      // The launcher was killed: the same as the end of the stream.
    }
    Runtime.getRuntime().halt(ORPHANED);
  }

  /** Port on which rank 0 serves the meeting point. */
  int awaitPort() {
    return port.join();
  }

  /** Is done when the launcher wants this rank to end. */
  CompletableFuture<Void> end() {
    return end;
  }

  synchronized void say(String line) {
    out.println(line.replaceAll("\\R", " "));
  }
}
