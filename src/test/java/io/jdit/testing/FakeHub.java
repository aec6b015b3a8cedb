package io.jdit.testing;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;

/**
 * A hub on this machine with one repository, and a second server that plays the storage host which
 * large files redirect to. Its faults are fields that a test sets.
 */
public final class FakeHub implements AutoCloseable {
  static {
    // Without it every answer waits 40 ms for a delayed acknowledgement.
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  public final Map<String, byte[]> files = new LinkedHashMap<>();

  /** Every request as "METHOD path range authorization", in order of arrival. */
  public final List<String> requests = new CopyOnWriteArrayList<>();

  /** How often each path is cut off in the middle. */
  public final Map<String, AtomicInteger> breaks = new ConcurrentHashMap<>();

  /** Status codes to answer with before serving. */
  public final Map<String, List<Integer>> failures = new ConcurrentHashMap<>();

  /** Texts to answer with, whatever is asked for at a path. */
  public final Map<String, String> answers = new ConcurrentHashMap<>();

  public volatile boolean ignoreRange;
  public volatile boolean damaged;
  public volatile String requiredToken = "";
  public volatile String stalled = "";

  private final SSLContext tls;
  private final HttpServer hub;
  private final HttpServer storage;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  public FakeHub() throws IOException {
    this(null);
  }

  /**
   * @param tls for a hub that speaks HTTPS, as localhost; null for HTTP
   */
  public FakeHub(SSLContext tls) throws IOException {
    this.tls = tls;
    hub = server();
    storage = server();
    hub.createContext("/", exchange -> serve(exchange, this::hub));
    storage.createContext("/", exchange -> serve(exchange, this::storage));
    hub.start();
    storage.start();
  }

  private HttpServer server() throws IOException {
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server;
    if (tls == null) {
      server = HttpServer.create(address, 0);
    } else {
      HttpsServer secure = HttpsServer.create(address, 0);
      secure.setHttpsConfigurator(new HttpsConfigurator(tls));
      server = secure;
    }
    server.setExecutor(threads);
    return server;
  }

  public String url() {
    return origin() + hub.getAddress().getPort();
  }

  public String storageUrl() {
    return origin() + storage.getAddress().getPort();
  }

  private String origin() {
    return tls == null ? "http://127.0.0.1:" : "https://localhost:";
  }

  /** Large files (safetensors) have the SHA-256 as etag, the others their git hash. */
  public static String etag(String name, byte[] content) {
    try {
      if (name.endsWith(".safetensors")) {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
      }
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      sha1.update(("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(sha1.digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  public List<String> gets(String name) {
    return requests.stream().filter(r -> r.startsWith("GET ") && r.contains(name)).toList();
  }

  private interface Route {
    void answer(HttpExchange exchange, String path) throws IOException;
  }

  private void serve(HttpExchange exchange, Route route) throws IOException {
    try (exchange) {
      Headers headers = exchange.getRequestHeaders();
      URI uri = exchange.getRequestURI();
      requests.add(
          exchange.getRequestMethod()
              + " "
              + uri.getPath()
              + " "
              + headers.getFirst("Range")
              + " "
              + headers.getFirst("Authorization"));
      List<Integer> failing = failures.getOrDefault(uri.getPath(), List.of());
      if (!failing.isEmpty()) {
        status(exchange, failing.remove(0));
        return;
      }
      String answer = answers.get(uri.getPath());
      if (answer != null) {
        byte[] body = answer.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        return;
      }
      route.answer(exchange, uri.getPath());
    }
  }

  private void hub(HttpExchange exchange, String path) throws IOException {
    String authorization = exchange.getRequestHeaders().getFirst("Authorization");
    if (!requiredToken.isEmpty() && !("Bearer " + requiredToken).equals(authorization)) {
      status(exchange, 401);
      return;
    }
    if (path.startsWith("/api/models/org/name/revision/")) {
      String siblings =
          files.entrySet().stream().map(FakeHub::sibling).collect(Collectors.joining(","));
      byte[] body =
          ("{\"sha\":\"" + COMMIT + "\",\"siblings\":[" + siblings + "]}")
              .getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      return;
    }
    String prefix = "/org/name/resolve/" + COMMIT + "/";
    byte[] content = path.startsWith(prefix) ? files.get(path.substring(prefix.length())) : null;
    if (content == null) {
      status(exchange, 404);
      return;
    }
    String name = path.substring(prefix.length());
    Headers headers = exchange.getResponseHeaders();
    headers.set("X-Repo-Commit", COMMIT);
    if (name.endsWith(".safetensors")) {
      headers.set("X-Linked-Etag", "\"" + etag(name, content) + "\"");
      headers.set("X-Linked-Size", Integer.toString(content.length));
      headers.set("Location", storageUrl() + "/" + name);
      status(exchange, 302);
    } else {
      headers.set("ETag", "W/\"" + etag(name, content) + "\"");
      send(exchange, path, content);
    }
  }

  private void storage(HttpExchange exchange, String path) throws IOException {
    send(exchange, path, files.get(path.substring(1)));
  }

  private void send(HttpExchange exchange, String path, byte[] whole) throws IOException {
    byte[] content = whole.clone();
    if (damaged) {
      content[content.length / 2] ^= 1;
    }
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(content.length));
      exchange.sendResponseHeaders(200, -1);
      return;
    }
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = 0;
    int status = 200;
    if (range != null && !ignoreRange) {
      from = Integer.parseInt(range.replaceAll("\\D", ""));
      status = 206;
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    }
    int length = content.length - from;
    exchange.sendResponseHeaders(status, length);
    OutputStream out = exchange.getResponseBody();
    boolean breaking = breaks.getOrDefault(path, new AtomicInteger()).getAndDecrement() > 0;
    if (breaking || path.equals(stalled)) {
      out.write(content, from, length / 2);
      out.flush();
      if (path.equals(stalled)) {
        stalled = "";
        sleep(5000);
      }
      // Closing the exchange before the promised length breaks the connection.
      return;
    }
    out.write(content, from, length);
    out.close();
  }

  private static void status(HttpExchange exchange, int status) throws IOException {
    exchange.sendResponseHeaders(status, -1);
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String sibling(Map.Entry<String, byte[]> file) {
    String etag = etag(file.getKey(), file.getValue());
    String hash =
        etag.length() == 64
            ? "\"lfs\":{\"sha256\":\"" + etag + "\"}"
            : "\"blobId\":\"" + etag + "\"";
    return "{\"rfilename\":\""
        + file.getKey()
        + "\",\"size\":"
        + file.getValue().length
        + ","
        + hash
        + "}";
  }

  @Override
  public void close() {
    hub.stop(0);
    storage.stop(0);
    threads.shutdownNow();
  }
}
