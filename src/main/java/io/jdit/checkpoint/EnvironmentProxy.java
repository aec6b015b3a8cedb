package io.jdit.checkpoint;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Chooses the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (or their lower-case
 * twins) name. Proxies are spoken to over plain HTTP and without a password.
 */
final class EnvironmentProxy extends ProxySelector {
  private static final Pattern FORM =
      Pattern.compile("(?:http://)?([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:]+])(?::(\\d{1,5}))?/?");
  private static final int DEFAULT_PORT = 80;

  private final Map<String, Proxy> proxies;
  private final List<String> exempt;

  /**
   * @throws HubException if a variable does not hold http://host:port
   */
  EnvironmentProxy(Map<String, String> environment) {
    this.proxies =
        Map.of(
            "http", proxy(environment, "http_proxy"), "https", proxy(environment, "https_proxy"));
    this.exempt = List.of(variable(environment, "no_proxy").split("\\s*,\\s*"));
  }

  @Override
  public List<Proxy> select(URI uri) {
    return List.of(
        isExempt(uri.getHost())
            ? Proxy.NO_PROXY
            : proxies.getOrDefault(uri.getScheme(), Proxy.NO_PROXY));
  }

  private boolean isExempt(String host) {
    for (String entry : exempt) {
      String suffix = entry.replaceFirst("^\\*?\\.", "");
      if (suffix.equals("*")
          || (!suffix.isEmpty() && (host.equals(suffix) || host.endsWith("." + suffix)))) {
        return true;
      }
    }
    return false;
  }

  private static Proxy proxy(Map<String, String> environment, String name) {
    String own = variable(environment, name);
    String text = own.isEmpty() ? variable(environment, "all_proxy") : own;
    if (text.isEmpty()) {
      return Proxy.NO_PROXY;
    }
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new HubException(
          name.toUpperCase(Locale.ROOT) + " or ALL_PROXY is not of the form http://host:port");
    }
    int port = matcher.group(2) == null ? DEFAULT_PORT : Integer.parseInt(matcher.group(2));
    return new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(matcher.group(1), port));
  }

  private static String variable(Map<String, String> environment, String name) {
    String lower = environment.getOrDefault(name, "");
    return lower.isEmpty() ? environment.getOrDefault(name.toUpperCase(Locale.ROOT), "") : lower;
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException e) {}
}
