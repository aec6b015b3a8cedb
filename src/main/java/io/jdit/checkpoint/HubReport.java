package io.jdit.checkpoint;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a download of a model would meet on this machine, in words; asks no server. */
public final class HubReport {
  private HubReport() {}

  /**
   * Settings by name: the cache, the hub with its token, the proxy on the way, certificates. What
   * is wrong with one is its text: runs of local models go on without it.
   */
  public static Map<String, String> of(Map<String, String> environment) {
    HubEnvironment hub = new HubEnvironment(environment);
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("Model cache", cache(hub.cache()));
    lines.put("Hub", orProblem(() -> hub(hub)));
    lines.put("Proxy", orProblem(() -> proxy(hub.endpoint(), new EnvironmentProxy(environment))));
    lines.put("Certificates", orProblem(() -> certificates(environment)));
    return lines;
  }

  private interface Line {
    String text();
  }

  private static String orProblem(Line line) {
    try {
      return line.text();
    } catch (HubException e) {
      return "unusable: " + e.getMessage();
    }
  }

  private static String cache(Path folder) {
    Path existing = folder.toAbsolutePath();
    while (!Files.exists(existing) && existing.getParent() != null) {
      existing = existing.getParent();
    }
    return folder
        + (Files.exists(folder) ? "" : ", not there yet")
        + (Files.isWritable(existing) ? "" : ", not writable: no downloads");
  }

  private static String hub(HubEnvironment hub) {
    return hub.endpoint()
        + hub.offlineSwitch().map(name -> ", never asked: " + name + " is set").orElse("")
        + ", token: "
        + hub.tokenOrigin();
  }

  private static String proxy(URI endpoint, EnvironmentProxy proxies) {
    Optional<EnvironmentProxy.Route> route = proxies.route(endpoint);
    if (route.isEmpty()) {
      return proxies.isExempt(endpoint)
          ? "none for " + endpoint.getHost() + ": NO_PROXY exempts it"
          : "none";
    }
    return route.get()
        + " of "
        + route.get().variable()
        + (route.get().credentials() == null ? ", without a password" : ", with a password");
  }

  private static String certificates(Map<String, String> environment) {
    Map<String, Integer> counts = new TrustedCertificates(environment).counts();
    return counts.isEmpty()
        ? "Java's"
        : "Java's, and "
            + counts.entrySet().stream()
                .map(e -> e.getValue() + " of " + e.getKey())
                .collect(Collectors.joining(", "));
  }
}
