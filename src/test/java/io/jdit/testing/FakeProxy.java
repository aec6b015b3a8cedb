package io.jdit.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A proxy on this machine that forwards requests and opens tunnels, to this machine whatever host
 * is asked for.
 */
public final class FakeProxy implements AutoCloseable {
  /** Every request's first line, in order of arrival. */
  public final List<String> requests = new CopyOnWriteArrayList<>();

  private final String authorization;
  private final ServerSocket server;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  /**
   * @param credentials {@code user:password} that it wants; empty for none
   */
  public FakeProxy(String credentials) throws IOException {
    authorization =
        credentials.isEmpty()
            ? ""
            : "Basic "
                + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8));
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    threads.submit(this::accept);
  }

  public int port() {
    return server.getLocalPort();
  }

  private Void accept() throws IOException {
    while (true) {
      Socket client = server.accept();
      threads.submit(() -> serve(client));
    }
  }

  private Void serve(Socket client) throws IOException {
    try (client) {
      String head = head(client.getInputStream());
      String first = head.lines().findFirst().orElse("");
      requests.add(first);
      if (!authorization.isEmpty()
          && !head.contains("Proxy-Authorization: " + authorization + "\r\n")) {
        write(
            client,
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                + "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return null;
      }
      String[] words = first.split(" ");
      if (words[0].equals("CONNECT")) {
        int port = Integer.parseInt(words[1].substring(words[1].lastIndexOf(':') + 1));
        try (Socket target = new Socket(InetAddress.getLoopbackAddress(), port)) {
          write(client, "HTTP/1.1 200 OK\r\n\r\n");
          join(client, target);
        }
        return null;
      }
      URI uri = URI.create(words[1]);
      String path = uri.getRawPath() + (uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery());
      String rest = head.substring(first.length()).replaceAll("(?i)\r\nConnection: [^\r]*", "");
      try (Socket target = new Socket(InetAddress.getLoopbackAddress(), uri.getPort())) {
        write(target, words[0] + " " + path + " HTTP/1.1\r\nConnection: close" + rest);
        target.getInputStream().transferTo(client.getOutputStream());
      }
    }
    return null;
  }

  private void join(Socket client, Socket target) throws IOException {
    threads.submit(
        () -> {
          client.getInputStream().transferTo(target.getOutputStream());
          target.shutdownOutput();
          return null;
        });
    target.getInputStream().transferTo(client.getOutputStream());
  }

  private static void write(Socket socket, String text) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(text.getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
  }

  private static String head(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int c = in.read();
      if (c < 0) {
        break;
      }
      head.append((char) c);
    }
    return head.toString();
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    threads.shutdownNow();
  }
}
