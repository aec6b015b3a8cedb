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
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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

  static {
    // Java sends no password to a proxy that it asks for a tunnel unless this is empty.
    System.getProperties().putIfAbsent("jdk.http.auth.tunneling.disabledSchemes", "");
  }

  private final HubEnvironment environment;
  private final URI endpoint;
  private final String token;
  private final EnvironmentProxy proxies;
  private final Map<String, HttpClient> clients = new ConcurrentHashMap<>();

  HubClient(HubEnvironment environment) {
    this.environment = environment;
    this.endpoint = environment.endpoint();
    this.token = environment.token();
    this.proxies = new EnvironmentProxy(environment.variables());
  }

  /** One for each scheme: certificates matter where TLS is spoken only. */
  private HttpClient client(URI uri) {
    return clients.computeIfAbsent(
        uri.getScheme(),
        scheme -> {
          HttpClient.Builder builder =
              HttpClient.newBuilder()
                  .version(HttpClient.Version.HTTP_1_1)
                  .followRedirects(HttpClient.Redirect.NEVER)
                  .proxy(proxies);
          if (scheme.equals("https")) {
            new TrustedCertificates(environment.variables())
                .context()
                .ifPresent(builder::sslContext);
          }
          return builder.build();
        });
  }

  URI endpoint() {
    return endpoint;
  }

  /** How long the hub may stay silent. */
  Duration timeout() {
    return environment.downloadTimeout();
  }

  /** The description of a revision: commit and files with their sizes. */
  HttpResponse<InputStream> revision(HubId id) throws IOException, InterruptedException {
    String path = "/api/models/" + id.repo() + "/revision/" + encode(id.revision());
    URI uri = URI.create(endpoint + path + "?blobs=true");
    return send(id, request("GET", uri, environment.etagTimeout()));
  }

  /**
   * The headers of a file. Redirects within the endpoint are followed, one to a storage host is
   * not: the hub's own answer carries the etag and size of the stored file.
   */
  HttpResponse<InputStream> head(HubId id, String commit, String file)
      throws IOException, InterruptedException {
    return send(id, request("HEAD", resolve(id, commit, file), environment.etagTimeout()));
  }

  /** The contents of a file from byte {@code from} on, if the server can. */
  HttpResponse<InputStream> get(HubId id, String commit, String file, long from)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request("GET", resolve(id, commit, file), timeout());
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

  private HttpRequest.Builder request(String method, URI uri, Duration timeout) {
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
      proxies.authorization(uri).ifPresent(value -> hop.header("Proxy-Authorization", value));
      HttpResponse<InputStream> response = exchange(hop.build());
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

  /** A certificate that is not trusted now will not be at the next try either. */
  private HttpResponse<InputStream> exchange(HttpRequest request)
      throws IOException, InterruptedException {
    URI uri = request.uri();
    try {
      return client(uri).send(request, BodyHandlers.ofInputStream());
    } catch (IOException e) {
      String complaint = TrustedCertificates.complaint(e).orElse("");
      if (complaint.isEmpty()) {
        throw e;
      }
      throw new HubException(
          "the certificate of "
              + uri.getHost()
              + " is not trusted ("
              + complaint
              + "); where a company's network or hub has certificates of its own, name them in SSL_CERT_FILE,"
              + " REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE");
    }
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
    if (response.body() != null) { // a proxy's refusal of a tunnel has none
      response.body().close();
    }
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
                  + " ("
                  + environment.tokenState()
                  + ")");
      case 407 ->
          new HubException(
              "the proxy "
                  + proxies.route(response.uri()).map(Object::toString).orElse("on the way")
                  + " wants other credentials (HTTP 407): write them as"
                  + " HTTPS_PROXY=http://user:password@host:port, special characters as %XX");
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

  private static String encode(String segment) {
    return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
