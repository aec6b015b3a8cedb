package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/**
 * A rank's connection to the launcher that started it: lines of text over a loopback socket. When
 * the launcher is gone the rank ends at once, so that none is left behind.
 */
final class LauncherLink {
  /** Environment variable {@code port:token} that the launcher gives its ranks. */
  static final String VARIABLE = "JDIT_LAUNCHER";

  static final String HELLO = "hello ";
  static final String SERVING = "serving ";
  static final String STAGE = "stage ";
  static final String FAILED = "failed ";
  static final String RESULT = "result ";
  static final String PORT = "port ";

  /** Exit code of a rank whose launcher disappeared. */
  static final int ORPHANED = 143;

  private final PrintWriter out;
  private final CompletableFuture<Integer> port = new CompletableFuture<>();

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
    int colon = address.indexOf(':');
    try {
      Socket socket =
          new Socket(
              InetAddress.getLoopbackAddress(), Integer.parseInt(address.substring(0, colon)));
      LauncherLink link = new LauncherLink(socket);
      link.say(HELLO + address.substring(colon + 1) + " " + rank);
      return link;
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

  synchronized void say(String line) {
    out.println(line.replaceAll("\\R", " "));
  }
}
