package io.jdit.server;

import java.io.IOException;
import java.io.InputStream;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Fetches pictures from addresses that requests give: public ones only, so that nobody reaches
 * through the server what only the server can reach. Redirections are not followed.
 *
 * @param bytes largest picture
 * @param names what a host's name stands for
 * @param allowed which addresses are connected to
 */
record PictureDownload(long bytes, Names names, Predicate<InetAddress> allowed) {
  /** The name service. */
  @FunctionalInterface
  interface Names {
    InetAddress[] of(String host) throws UnknownHostException;
  }

  private static final Duration LIMIT = Duration.ofSeconds(20);

  /** Whose last part is a number: an IPv4 address, in whatever form. */
  private static final Pattern NUMBER = Pattern.compile("(.*\\.)?[0-9][^.]*\\.?");

  /** The form that is not read in two ways. */
  private static final Pattern QUAD = Pattern.compile("(0|[1-9]\\d{0,2})(\\.(0|[1-9]\\d{0,2})){3}");

  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .connectTimeout(LIMIT)
          .followRedirects(HttpClient.Redirect.NEVER)
          .build();

  /** Public addresses only. */
  PictureDownload(long bytes) {
    this(bytes, InetAddress::getAllByName, PictureDownload::isPublic);
  }

  /**
   * @throws ApiException when the address is not public, does not answer, gives too much or takes
   *     longer than 20 s
   */
  byte[] fetch(String address, String field) {
    try {
      URI uri = URI.create(address);
      if (uri.getHost() == null
          || uri.getUserInfo() != null
          || NUMBER.matcher(uri.getHost()).matches() && !QUAD.matcher(uri.getHost()).matches()) {
        throw ApiException.badRequest(field + ": not an address of a picture", field);
      }
      // The platform keeps an answer of the name service for some seconds: what is checked here is
      // what is connected to.
      for (InetAddress found : names.of(uri.getHost())) {
        if (!allowed.test(found)) {
          throw ApiException.badRequest(
              field + ": " + uri.getHost() + " is not a public address", field);
        }
      }
      HttpResponse<InputStream> response =
          CLIENT.send(
              HttpRequest.newBuilder(uri).timeout(LIMIT).build(),
              HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream in = response.body()) {
        CompletableFuture.delayedExecutor(LIMIT.toSeconds(), TimeUnit.SECONDS)
            .execute(() -> close(in)); // the limit of the request ends with the headers
        if (response.statusCode() != 200) {
          throw ApiException.badRequest(
              field + ": the address answered " + response.statusCode(), field);
        }
        byte[] content = in.readNBytes((int) Math.min(Integer.MAX_VALUE - 8, bytes + 1));
        if (content.length > bytes) {
          throw ApiException.badRequest(field + ": more than " + bytes + " bytes", field);
        }
        return content;
      }
    } catch (IOException | IllegalArgumentException e) {
      throw ApiException.badRequest(field + ": the address cannot be fetched", field);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ApiException.unavailable("the server is shutting down");
    }
  }

  private static void close(InputStream in) {
    try {
      in.close();
    } catch (IOException e) {
      // It is over either way.
    }
  }

  /** Whether anybody could reach it: no loopback, private, shared, link-local or reserved range. */
  static boolean isPublic(InetAddress address) {
    if (address.isAnyLocalAddress()
        || address.isLoopbackAddress()
        || address.isLinkLocalAddress()
        || address.isSiteLocalAddress()
        || address.isMulticastAddress()) {
      return false;
    }
    byte[] b = address.getAddress();
    if (address instanceof Inet4Address) {
      int first = b[0] & 0xff;
      int second = b[1] & 0xff;
      return first != 0 // this network
          && !(first == 100 && second >= 64 && second < 128) // shared by carriers, RFC 6598
          && !(first == 192 && second == 0) // protocol assignments and documentation
          && !(first == 198 && (second == 18 || second == 19)) // benchmarks, RFC 2544
          && first < 224; // multicast and reserved
    }
    if (address instanceof Inet6Address) {
      boolean unique = (b[0] & 0xfe) == 0xfc; // fc00::/7, RFC 4193
      boolean translated =
          b[0] == 0 && b[1] == 0x64 && (b[2] & 0xff) == 0xff && (b[3] & 0xff) == 0x9b;
      boolean tunnel = b[0] == 0x20 && (b[1] == 0x02 || b[1] == 0x01 && b[2] == 0 && b[3] == 0);
      boolean embedded = true; // ::a.b.c.d
      for (int i = 0; i < 12; i++) {
        embedded &= b[i] == 0;
      }
      return !unique && !translated && !tunnel && !embedded;
    }
    return false;
  }
}
