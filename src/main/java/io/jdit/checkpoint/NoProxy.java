package io.jdit.checkpoint;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The hosts that NO_PROXY exempts: {@code *}, names with all names below them ({@code example.com},
 * {@code .example.com}, {@code *.example.com}), addresses, address ranges ({@code 10.0.0.0/8},
 * {@code fd00::/8}), each but ranges with or without a port. Names are not looked up: a range
 * covers a host that is given by its address.
 */
final class NoProxy {
  private static final Pattern PORT =
      Pattern.compile("(\\[[^]]*]|[^:]*):(\\d{1,5})"); // an IPv6 address without brackets has none
  private static final Pattern V4 = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}");

  /** One entry; {@code address} is null for a name, {@code port} -1 for any. */
  private record Entry(String name, byte[] address, int prefix, int port) {}

  private final List<Entry> entries = new ArrayList<>();

  NoProxy(String variable) {
    for (String text : variable.toLowerCase(Locale.ROOT).split("[,\\s]+")) {
      if (!text.isEmpty()) {
        entries.add(entry(text.replaceFirst("^[a-z+]+://", "").replaceFirst("/+$", "")));
      }
    }
  }

  private static Entry entry(String text) {
    Matcher ported = PORT.matcher(text);
    String host = ported.matches() ? ported.group(1) : text;
    int port = ported.matches() ? Integer.parseInt(ported.group(2)) : -1;
    int slash = host.indexOf('/');
    byte[] address = address(slash < 0 ? host : host.substring(0, slash));
    if (address == null) {
      return new Entry(host.replaceFirst("^\\*?\\.", ""), null, 0, port);
    }
    int prefix = 8 * address.length;
    if (slash >= 0 && host.substring(slash + 1).matches("\\d{1,3}")) {
      prefix = Math.min(prefix, Integer.parseInt(host.substring(slash + 1)));
    }
    return new Entry(host, address, prefix, port);
  }

  boolean covers(URI uri) {
    String host = uri.getHost().toLowerCase(Locale.ROOT).replaceFirst("\\.$", "");
    int port = uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
    byte[] address = address(host);
    return entries.stream()
        .filter(e -> e.port < 0 || e.port == port)
        .anyMatch(
            e -> e.name.equals("*") || (address == null ? isBelow(host, e) : isIn(address, e)));
  }

  private static boolean isBelow(String host, Entry entry) {
    return entry.address == null
        && !entry.name.isEmpty()
        && (host.equals(entry.name) || host.endsWith("." + entry.name));
  }

  private static boolean isIn(byte[] address, Entry entry) {
    if (entry.address == null || entry.address.length != address.length) {
      return false;
    }
    for (int bit = 0; bit < entry.prefix; bit++) {
      int mask = 0x80 >> (bit & 7);
      if (((address[bit >> 3] ^ entry.address[bit >> 3]) & mask) != 0) {
        return false;
      }
    }
    return true;
  }

  /** The bytes of an address; null for a name, which is not looked up. */
  private static byte[] address(String text) {
    String bare = text.startsWith("[") ? text.replaceAll("[\\[\\]]", "") : text;
    if (!V4.matcher(bare).matches() && bare.indexOf(':') < 0) {
      return null;
    }
    try {
      return InetAddress.getByName(bare).getAddress();
    } catch (UnknownHostException e) {
      return null;
    }
  }
}
