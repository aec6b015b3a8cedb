package io.jdit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Requests to the hub. Redirects are followed here, not by the HTTP client, so that the access
 * token goes to the endpoint's own host and never to the storage host that a file is redirected to.
 */
final class HubClient {
  private static final int MAX_REDIRECTS = 10;

  /** An answer that says to come back later. */
  static final class Busy extends IOException {
    private final Duration retryAfter;

    Busy(int status, String retryAfter) {
      super("HTTP " + status);
      // The header may also hold a date; the ordinary pause serves for that.
      boolean seconds = retryAfter.matches("\\d{1,4}");
      this.retryAfter = Duration.ofSeconds(seconds ? Long.parseLong(retryAfter) : 0);
    }

    Duration retryAfter() {
      return retryAfter;
    }
  }

  private final URI endpoint;
  private final String token;
  private final Duration timeout;
  private final HttpClient http;

  HubClient(Map<String, String> environment) {
    this.endpoint = endpoint(environment.getOrDefault("HF_ENDPOINT", "https://huggingface.co"));
    this.token = token(environment);
    this.timeout = timeout(environment.getOrDefault("HF_HUB_DOWNLOAD_TIMEOUT", "10"));
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(timeout)
            .proxy(new EnvironmentProxy(environment))
            .build();
  }

  URI endpoint() {
    return endpoint;
  }

  /** How long the hub may stay silent. */
  Duration timeout() {
    return timeout;
  }

  /** The description of a revision: commit and files with their sizes. */
  HttpResponse<InputStream> revision(HubId id) throws IOException, InterruptedException {
    String path = "/api/models/" + id.repo() + "/revision/" + encode(id.revision());
    return send(id, request("GET", URI.create(endpoint + path + "?blobs=true")));
  }

  /**
   * The headers of a file. Redirects within the endpoint are followed, one to a storage host is
   * not: the hub's own answer carries the etag and size of the stored file.
   */
  HttpResponse<InputStream> head(HubId id, String commit, String file)
      throws IOException, InterruptedException {
    return send(id, request("HEAD", resolve(id, commit, file)));
  }

  /** The contents of a file from byte {@code from} on, if the server can. */
  HttpResponse<InputStream> get(HubId id, String commit, String file, long from)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request("GET", resolve(id, commit, file));
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    return send(id, request);
  }

  private URI resolve(HubId id, String commit, String file) {
    String path =
        Arrays.stream(file.split("/")).map(HubClient::encode).collect(Collectors.joining("/"));
    return URI.create(endpoint + "/" + id.repo() + "/resolve/" + commit + "/" + path);
  }

  private HttpRequest.Builder request(String method, URI uri) {
    return HttpRequest.newBuilder(uri)
        .method(method, HttpRequest.BodyPublishers.noBody())
        .header("User-Agent", "jdit")
        // The size of a compressed answer would not be the size of the file.
        .header("Accept-Encoding", "identity")
        .timeout(timeout);
  }

  private HttpResponse<InputStream> send(HubId id, HttpRequest.Builder builder)
      throws IOException, InterruptedException {
    URI uri = builder.copy().build().uri();
    for (int redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      HttpRequest.Builder hop = builder.copy().uri(uri);
      if (!token.isEmpty() && isEndpoint(uri)) {
        hop.header("Authorization", "Bearer " + token);
      }
      HttpResponse<InputStream> response = http.send(hop.build(), BodyHandlers.ofInputStream());
      String location = response.headers().firstValue("Location").orElse("");
      if (response.statusCode() / 100 != 3 || location.isEmpty()) {
        return accepted(id, response);
      }
      URI next = uri.resolve(location);
      if (response.request().method().equals("HEAD") && !isEndpoint(next)) {
        return response;
      }
      response.body().close();
      if (uri.getScheme().equals("https") && !"https".equals(next.getScheme())) {
        throw new HubException(
            id + ": " + uri.getHost() + " redirects to " + next + ", which is not encrypted");
      }
      uri = next;
    }
    throw new HubException(
        id + ": more than " + MAX_REDIRECTS + " redirects, the last one to " + uri);
  }

  private boolean isEndpoint(URI uri) {
    return endpoint.getScheme().equals(uri.getScheme())
        && endpoint.getHost().equals(uri.getHost())
        && endpoint.getPort() == uri.getPort();
  }

  /** Lets successful answers through, tells those worth another try from those that are not. */
  private HttpResponse<InputStream> accepted(HubId id, HttpResponse<InputStream> response)
      throws IOException {
    int status = response.statusCode();
    if (status / 100 == 2 || status == 416) {
      return response;
    }
    response.body().close();
    if (status == 408 || status == 429 || status >= 500) {
      throw new Busy(status, response.headers().firstValue("Retry-After").orElse(""));
    }
    throw switch (status) {
      case 401, 403 ->
          new HubException(
              "access to "
                  + id
                  + " is denied (HTTP "
                  + status
                  + "): it is gated, private or does not exist; accept its terms at "
                  + endpoint
                  + "/"
                  + id.repo()
                  + " and set HF_TOKEN"
                  + (token.isEmpty() ? " (not set now)" : " (the one set now has no access)"));
      case 404 ->
          new HubException(
              id
                  + " is not at "
                  + endpoint
                  + " (HTTP 404); did you mean a local folder? There is no folder "
                  + id.repo()
                  + " here");
      default -> new HubException(id + ": " + response.uri() + " answered HTTP " + status);
    };
  }

  private static String token(Map<String, String> environment) {
    String token =
        environment.getOrDefault(
            "HF_TOKEN", environment.getOrDefault("HUGGING_FACE_HUB_TOKEN", ""));
    if (!token.isBlank()) {
      return token.strip();
    }
    String path = environment.get("HF_TOKEN_PATH");
    Path file = path != null ? Path.of(path) : HubCache.home(environment).resolve("token");
    try {
      return Files.isRegularFile(file) ? Files.readString(file).strip() : "";
    } catch (IOException e) {
      throw new HubException(file + ": the access token cannot be read: " + e);
    }
  }

  private static URI endpoint(String base) {
    if (!base.matches("https?://[A-Za-z0-9.-]+(:\\d+)?(/[A-Za-z0-9._~/-]*)?")) {
      throw new HubException("HF_ENDPOINT=" + base + " is not of the form https://host");
    }
    return URI.create(base.replaceFirst("/+$", ""));
  }

  private static Duration timeout(String seconds) {
    try {
      return Duration.ofMillis(Math.max(1, (long) (Double.parseDouble(seconds) * 1000)));
    } catch (NumberFormatException e) {
      throw new HubException("HF_HUB_DOWNLOAD_TIMEOUT=" + seconds + " is not a number of seconds");
    }
  }

  private static String encode(String segment) {
    return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
