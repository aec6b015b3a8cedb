package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Addresses of pictures: names are looked up and judged, redirections are not followed. */
class PictureDownloadTest {
  private static final int LIMIT = 1000;

  private HttpServer site;

  @BeforeEach
  void start() throws IOException {
    site = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    site.createContext(
        "/",
        exchange -> {
          String path = exchange.getRequestURI().getPath();
          byte[] body = new byte[path.equals("/large") ? LIMIT + 1 : 3];
          if (path.equals("/moved")) {
            exchange.getResponseHeaders().add("Location", "http://127.0.0.1:1/secret");
          }
          exchange.sendResponseHeaders(path.equals("/moved") ? 302 : 200, body.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
          }
        });
    site.start();
  }

  @AfterEach
  void stop() {
    site.stop(0);
  }

  private String url(String path) {
    return "http://127.0.0.1:" + site.getAddress().getPort() + path;
  }

  @Test
  void takesPicturesOfAllowedAddresses() {
    PictureDownload all = new PictureDownload(LIMIT, InetAddress::getAllByName, a -> true);
    assertThat(all.fetch(url("/small"), "image")).hasSize(3);
    assertThatThrownBy(() -> all.fetch(url("/large"), "image"))
        .hasMessage("image: more than 1000 bytes");
    assertThatThrownBy(() -> all.fetch(url("/moved"), "image"))
        .hasMessage("image: the address answered 302");
  }

  @Test
  void aNameOfAPrivateAddressIsRefused() throws UnknownHostException {
    for (String inside : new String[] {"127.0.0.1", "10.1.2.3", "::1", "fd00::1", "169.254.1.1"}) {
      InetAddress[] both = {InetAddress.getByName("93.184.216.34"), InetAddress.getByName(inside)};
      PictureDownload download =
          new PictureDownload(LIMIT, host -> both, PictureDownload::isPublic);
      assertThatThrownBy(() -> download.fetch("http://pictures.example/a.png", "image"))
          .hasMessage("image: pictures.example is not a public address");
    }
  }
}
