package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Pictures that are bombs, addresses that lead inside, ranges of files. */
class HostilePicturesTest extends HostileServer {
  @Test
  void picturesAreJudgedByTheirHeader() throws Exception {
    byte[] bomb = png(60_000, 60_000, 10);
    byte[] beyond = png(1500, 1500, 1500);
    byte[] within = png(1000, 1000, 1000);
    assertThat(beyond.length).isLessThan(20_000);
    long before = usedHeap();
    String answer = edit(bomb);
    assertRefused("60,000 x 60,000", answer);
    assertThat(answer).contains("60000 x 60000 pixels, expected at most " + PIXELS);
    assertThat(edit(beyond)).contains("1500 x 1500 pixels, expected at most " + PIXELS);
    assertThat(usedHeap() - before).isLessThan(100 << 20);
    // A picture within the limit passes here; this model takes none.
    assertThat(edit(within)).contains("image_path is no parameter of");
    try (Stream<Path> files = Files.list(folder.resolve("in"))) {
      assertThat(files.map(Path::toString).filter(f -> f.contains(".input"))).isEmpty();
    }
  }

  private static long usedHeap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private String edit(byte[] picture) throws Exception {
    HttpResponse<byte[]> response =
        server.post(
            DRAW,
            "{\"prompt\": \"x\", \"image\": \"data:image/png;base64,"
                + Base64.getEncoder().encodeToString(picture)
                + "\"}");
    return "HTTP/1.1 " + response.statusCode() + "\r\n\r\n" + TestServer.text(response);
  }

  /** A white PNG that says it has {@code width} x {@code height}, with so many rows in it. */
  private static byte[] png(int width, int height, int rows) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    DataOutputStream data = new DataOutputStream(header);
    data.writeInt(width);
    data.writeInt(height);
    data.write(new byte[] {8, 2, 0, 0, 0});
    chunk(out, "IHDR", header.toByteArray());
    ByteArrayOutputStream text = new ByteArrayOutputStream(); // a bomb that is not unpacked
    text.write("Comment\0\0".getBytes(StandardCharsets.US_ASCII));
    text.write(deflated(new byte[1 << 20], 1));
    chunk(out, "zTXt", text.toByteArray());
    chunk(out, "IDAT", deflated(new byte[3 * width + 1], rows));
    chunk(out, "IEND", new byte[0]);
    return out.toByteArray();
  }

  private static byte[] deflated(byte[] row, int rows) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(out, new Deflater(9))) {
      for (int i = 0; i < rows; i++) {
        deflater.write(row);
      }
    }
    return out.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream out, String name, byte[] content)
      throws IOException {
    DataOutputStream data = new DataOutputStream(out);
    byte[] kind = name.getBytes(StandardCharsets.US_ASCII);
    CRC32 crc = new CRC32();
    crc.update(kind);
    crc.update(content);
    data.writeInt(content.length);
    data.write(kind);
    data.write(content);
    data.writeInt((int) crc.getValue());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://localhost:1/",
        "http://LOCALHOST.:1/",
        "http://127.0.0.1:1/",
        "http://127.1:1/",
        "http://2130706433:1/",
        "http://0x7f000001:1/",
        "http://0177.0.0.1:1/",
        "http://0:1/",
        "http://[::1]:1/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://[::ffff:7f00:1]:1/",
        "http://[::127.0.0.1]:1/",
        "http://[64:ff9b::7f00:1]:1/",
        "http://[2002:7f00:1::]:1/",
        "http://[fe80::1]:1/",
        "http://[fd00::1]:1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://user@example.com@127.0.0.1/",
        "http://user:pass@example.com/",
        "http://",
        "http:///x",
        "https://[/",
        "http://127.0.0.1\\@example.com/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/"
      })
  void noAddressLeadsInside(String address) throws Exception {
    String json = JsonMapper.shared().writeValueAsString(Map.of("prompt", "x", "image", address));
    HttpResponse<byte[]> response = server.post(DRAW, json);
    assertThat(response.statusCode()).as(TestServer.text(response)).isEqualTo(400);
    assertThat(TestServer.text(response))
        .containsAnyOf(
            "is not a public address", "not an address", "cannot be fetched", "expected a file");
    assertThat(response.body().length).isLessThan(1000);
  }

  private HttpResponse<byte[]> part(String url, String range) throws Exception {
    return server.send(
        HttpRequest.newBuilder(URI.create(server.url() + url)).header("Range", range));
  }

  @Test
  void oddRangesOfAFileAreRefusedOrTakenWhole() throws Exception {
    JsonNode drawn =
        TestServer.json(
            server.post(DRAW, "{\"prompt\": \"a red circle\", \"num_inference_steps\": 1}"));
    String url = drawn.get("data").get(0).get("url").stringValue();
    for (String range :
        List.of(
            "bytes=0-0",
            "bytes=-5",
            "bytes=-",
            "bytes=5-1",
            "bytes=99999999-",
            "bytes=0-99999999999999999999999",
            "bytes=a-b",
            "lines=1-2",
            "bytes=0-1,2-3,4-5")) {
      assertThat(part(url, range).statusCode()).as(range).isIn(200, 206, 416);
    }
    byte[] whole = server.get(url).body();
    assertThat(part(url, "bytes=2-5").body()).isEqualTo(Arrays.copyOfRange(whole, 2, 6));
    assertThat(part(url, "bytes=-3").body())
        .isEqualTo(Arrays.copyOfRange(whole, whole.length - 3, whole.length));
    assertThat(part(url, "bytes=7-").headers().firstValue("Content-Range"))
        .contains("bytes 7-" + (whole.length - 1) + "/" + whole.length);
  }
}
