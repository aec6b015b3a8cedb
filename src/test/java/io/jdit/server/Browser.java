package io.jdit.server;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A headless Chromium, driven by its DevTools protocol. */
final class Browser implements AutoCloseable {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final JsonMapper JSON = JsonMapper.shared();

  private final Path profile;
  private final Process process;
  private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();
  private final AtomicInteger ids = new AtomicInteger();
  private final WebSocket socket;

  /** The program, if it is installed. */
  static Optional<Path> program() {
    return Stream.of("chromium", "chromium-browser", "google-chrome")
        .flatMap(n -> Stream.of(System.getenv("PATH").split(":")).map(d -> Path.of(d, n)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * @param folder for its profile
   */
  Browser(Path program, Path folder) throws Exception {
    profile = folder;
    process =
        new ProcessBuilder(
                program.toString(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                "--user-data-dir=" + folder,
                "about:blank")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolveSibling("browser.txt").toFile())
            .start();
    Path portFile = folder.resolve("DevToolsActivePort");
    for (int i = 0; i < 600 && !Files.exists(portFile); i++) {
      Thread.sleep(50);
    }
    Thread.sleep(100); // until it is written
    int port = Integer.parseInt(Files.readAllLines(portFile).get(0));
    JsonNode tabs =
        JSON.readTree(
            CLIENT
                .send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json"))
                        .build(),
                    HttpResponse.BodyHandlers.ofString())
                .body());
    String address = null;
    for (JsonNode tab : tabs) {
      if (tab.get("type").stringValue().equals("page")) {
        address = tab.get("webSocketDebuggerUrl").stringValue();
      }
    }
    socket = CLIENT.newWebSocketBuilder().buildAsync(URI.create(address), new Listener()).get();
  }

  private final class Listener implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        JsonNode message = JSON.readTree(text.toString());
        text.setLength(0);
        if (message.has("id")) {
          answers.remove(message.get("id").intValue()).complete(message);
        }
      }
      from.request(1);
      return null;
    }
  }

  private JsonNode call(String method, Map<String, Object> parameters) throws Exception {
    int id = ids.incrementAndGet();
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    answers.put(id, answer);
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("id", id);
    message.put("method", method);
    message.put("params", parameters);
    socket.sendText(JSON.writeValueAsString(message), true).get();
    JsonNode result = answer.get(30, TimeUnit.SECONDS);
    if (result.has("error")) {
      throw new AssertionError(method + ": " + result.get("error"));
    }
    return result.get("result");
  }

  void size(int width, int height, boolean phone) throws Exception {
    call(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", phone));
  }

  void open(String url) throws Exception {
    call("Page.navigate", Map.of("url", url));
  }

  /** The value of an expression; promises are waited for. */
  JsonNode evaluate(String expression) throws Exception {
    JsonNode result =
        call(
            "Runtime.evaluate",
            Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
    if (result.has("exceptionDetails")) {
      throw new AssertionError(expression + ": " + result.get("exceptionDetails"));
    }
    return result.get("result").path("value");
  }

  /** Waits until an expression is true. */
  void await(String expression) throws Exception {
    for (int i = 0; i < 1200; i++) {
      if (evaluate("!!(" + expression + ")").booleanValue()) {
        return;
      }
      Thread.sleep(50);
    }
    throw new AssertionError(
        expression
            + " does not become true; the page says: "
            + evaluate("document.body.innerText").stringValue());
  }

  /** Presses a key where the focus is. */
  void press(String name, int code, String text) throws Exception {
    for (String type : List.of("keyDown", "keyUp")) {
      Map<String, Object> key = new LinkedHashMap<>();
      key.put("type", type);
      key.put("key", name);
      key.put("code", name);
      key.put("windowsVirtualKeyCode", code);
      if (type.equals("keyDown") && text != null) {
        key.put("text", text);
      }
      call("Input.dispatchKeyEvent", key);
    }
  }

  /** Types text where the focus is. */
  void type(String text) throws Exception {
    call("Input.insertText", Map.of("text", text));
  }

  void screenshot(Path file) throws Exception {
    JsonNode shot = call("Page.captureScreenshot", Map.of("format", "png"));
    Files.write(file, Base64.getDecoder().decode(shot.get("data").stringValue()));
  }

  @Override
  public void close() throws IOException {
    socket.abort();
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    all.forEach(ProcessHandle::destroyForcibly);
    all.forEach(p -> p.onExit().join()); // until then they write into the profile
    Files.deleteIfExists(profile.resolve("SingletonSocket")); // JUnit warns of links that lead out
  }
}
