package io.jdit.checkpoint;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Chooses the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (or their lower-case
 * twins, which come first) name, by the rules of Python's requests. Proxies are spoken to over
 * plain HTTP. One of another kind is refused where it would be used, and only there.
 */
final class EnvironmentProxy extends ProxySelector {
  private static final Pattern FORM =
      Pattern.compile(
          "(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:(.*)@)?([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:]+])(?::(\\d{1,5}))?(?:[/?#].*)?");
  private static final int DEFAULT_PORT = 80;

  /**
   * A proxy.
   *
   * @param variable that names it
   * @param credentials {@code user:password}, null for none
   */
  record Route(String variable, String host, int port, String credentials) {
    /** Without the credentials. */
    @Override
    public String toString() {
      return "http://" + (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
  }

  private final Map<String, String> environment;
  private final NoProxy exempt;

  EnvironmentProxy(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
    this.exempt = new NoProxy(value("no_proxy"));
  }

  /**
   * The way to a server, empty for the direct one.
   *
   * @throws HubException when its proxy is of a kind that is not supported; never shows credentials
   */
  Optional<Route> route(URI uri) {
    String variable =
        value(uri.getScheme() + "_proxy").isEmpty() ? "all_proxy" : uri.getScheme() + "_proxy";
    String text = value(variable);
    if (text.isEmpty() || exempt.covers(uri)) {
      return Optional.empty();
    }
    Matcher matcher = FORM.matcher(text);
    String scheme =
        matcher.matches() && matcher.group(1) != null
            ? matcher.group(1).toLowerCase(Locale.ROOT)
            : "http";
    if (!matcher.matches() || !scheme.equals("http")) {
      throw new HubException(
          variable.toUpperCase(Locale.ROOT)
              + (matcher.matches()
                  ? " names a proxy of the kind " + scheme + ", which is not supported"
                  : " is not of the form http://user:password@host:port")
              + ", and "
              + uri.getHost()
              + " would be reached through it; name a proxy as http://host:port, or exempt the host with NO_PROXY="
              + uri.getHost());
    }
    String host = matcher.group(3).replaceAll("[\\[\\]]", "");
    int port = matcher.group(4) == null ? DEFAULT_PORT : Integer.parseInt(matcher.group(4));
    return Optional.of(
        new Route(variable.toUpperCase(Locale.ROOT), host, port, credentials(matcher.group(2))));
  }

  /** The value of the header Proxy-Authorization. */
  Optional<String> authorization(URI uri) {
    return route(uri)
        .map(Route::credentials)
        .map(text -> text.getBytes(StandardCharsets.UTF_8))
        .map(bytes -> "Basic " + Base64.getEncoder().encodeToString(bytes));
  }

  /** Whether NO_PROXY keeps a server from being reached through a proxy that is set. */
  boolean isExempt(URI uri) {
    return exempt.covers(uri)
        && !(value(uri.getScheme() + "_proxy") + value("all_proxy")).isEmpty();
  }

  @Override
  public List<Proxy> select(URI uri) {
    return List.of(
        route(uri)
            .map(r -> InetSocketAddress.createUnresolved(r.host(), r.port()))
            .map(address -> new Proxy(Proxy.Type.HTTP, address))
            .orElse(Proxy.NO_PROXY));
  }

  private static String credentials(String userInfo) {
    if (userInfo == null || userInfo.isEmpty()) {
      return null;
    }
    int colon = userInfo.indexOf(':');
    String user = colon < 0 ? userInfo : userInfo.substring(0, colon);
    String password = colon < 0 ? "" : userInfo.substring(colon + 1);
    return decode(user) + ":" + decode(password);
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return text; // a bare percent sign
    }
  }

  /** A lower-case variable that is there wins, also when it is empty. */
  private String value(String name) {
    String upper = environment.getOrDefault(name.toUpperCase(Locale.ROOT), "");
    return environment.getOrDefault(name, upper).strip();
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException e) {}
}
