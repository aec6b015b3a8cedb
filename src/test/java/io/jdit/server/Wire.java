package io.jdit.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A connection that sends bytes as they are: what no client library would send. */
final class Wire implements AutoCloseable {
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.1 (\\d{3})");
  private static final int MILLIS = 10_000;

  private final Socket socket;

  Wire(String url) throws IOException {
    URI uri = URI.create(url);
    socket = new Socket(uri.getHost(), uri.getPort());
    socket.setSoTimeout(MILLIS);
  }

  Wire send(String text) throws IOException {
    return send(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  Wire send(byte[] bytes) throws IOException {
    try {
      socket.getOutputStream().write(bytes);
      socket.getOutputStream().flush();
    } catch (SocketException e) {
      // The server has said no and closed: what it said is read below.
    }
    return this;
  }

  /** All until the server closes the connection. */
  String rest() throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    byte[] buffer = new byte[8192];
    InputStream in = socket.getInputStream();
    try {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        all.write(buffer, 0, n);
      }
    } catch (SocketException e) {
      // Reset: nothing more comes.
    } catch (java.net.SocketTimeoutException e) {
      throw new IOException("not closed after: " + all.toString(StandardCharsets.UTF_8), e);
    }
    return all.toString(StandardCharsets.UTF_8);
  }

  /** The status of each answer in {@code text}. */
  static List<Integer> statuses(String text) {
    List<Integer> found = new ArrayList<>();
    Matcher m = STATUS.matcher(text);
    while (m.find()) {
      found.add(Integer.valueOf(m.group(1)));
    }
    return found;
  }

  /** A request of its own connection, answered or not. */
  static String ask(String url, String head, byte[] body) throws IOException {
    try (Wire wire = new Wire(url)) {
      return wire.send(head + "Host: x\r\nConnection: close\r\n\r\n").send(body).rest();
    } catch (IOException e) {
      throw new IOException(head + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
