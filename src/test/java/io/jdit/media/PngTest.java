package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PngTest {
  private static final Path FIXTURE = Path.of("src/test/resources/fixtures/shapes/0.png");

  @TempDir Path temp;

  @Test
  void readsAFixture() throws IOException {
    // Sum and two pixels, taken with another decoder.
    Picture picture = PictureReader.read(FIXTURE);
    long sum = 0;
    for (byte b : picture.rgb()) {
      sum += b & 0xff;
    }
    assertThat(sum).isEqualTo(2767979);
    assertThat(Arrays.copyOfRange(picture.rgb(), 0, 3)).containsExactly(244, 245, 240);
    int centre = 3 * (32 * 64 + 32);
    assertThat(Arrays.copyOfRange(picture.rgb(), centre, centre + 3)).containsExactly(216, 43, 39);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1x1", "7x3", "64x48"})
  void pixelsComeBack(String size) throws IOException {
    int width = Integer.parseInt(size.split("x")[0]);
    int height = Integer.parseInt(size.split("x")[1]);
    byte[] rgb = new byte[3 * width * height];
    long seed = System.nanoTime();
    System.out.println("seed of " + size + ": " + seed);
    new Random(seed).nextBytes(rgb);
    // Half noise, half gradient: every filter type is chosen somewhere.
    for (int i = 0; i < rgb.length / 2; i++) {
      rgb[i] = (byte) (i / 3 % width * 2 + i / 3 / width);
    }
    Path file = temp.resolve("out.png");
    PngWriter.write(file, new Picture(width, height, rgb), Map.of());
    assertThat(PictureReader.read(file).rgb()).isEqualTo(rgb);
  }

  @Test
  void textsAreWhatTheSpecificationSays() throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("prompt", "a fox, 日本 🦊");
    texts.put("Software", "JDiT");
    texts.put("seed", "8");
    texts.put("comment", "Café");
    byte[] png = PngWriter.encode(new Picture(1, 1, new byte[3]), texts);

    Path file = Files.write(temp.resolve("out.png"), png);
    assertThat(PngText.read(file)).containsExactlyEntriesOf(texts);

    IIOMetadataNode root = platformMetadata(png);
    assertThat(attributes(root, "tEXtEntry", "keyword", "value"))
        .containsExactly(
            Map.entry("Software", "JDiT"), Map.entry("seed", "8"), Map.entry("comment", "Café"));
    assertThat(attributes(root, "iTXtEntry", "keyword", "text"))
        .containsExactly(Map.entry("prompt", "a fox, 日本 🦊"));
  }

  @Test
  void readsCompressedTexts() throws IOException {
    ByteArrayOutputStream deflated = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(deflated)) {
      out.write("größer".getBytes(StandardCharsets.UTF_8));
    }
    byte[] itxt =
        concat("key\0\1\0de\0Schlüssel\0".getBytes(StandardCharsets.UTF_8), deflated.toByteArray());
    deflated.reset();
    try (DeflaterOutputStream out = new DeflaterOutputStream(deflated)) {
      out.write("plain".getBytes(StandardCharsets.ISO_8859_1));
    }
    byte[] ztxt = concat("other\0\0".getBytes(StandardCharsets.ISO_8859_1), deflated.toByteArray());
    byte[] file =
        concat(
            Arrays.copyOf(Files.readAllBytes(FIXTURE), 8),
            chunk("iTXt", itxt),
            chunk("zTXt", ztxt),
            chunk("IEND", new byte[0]));
    assertThat(PngText.read(Files.write(temp.resolve("x.png"), file)))
        .containsExactly(Map.entry("key", "größer"), Map.entry("other", "plain"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " lead", "trail ", "two  blanks", "日本", "line\nfeed"})
  void refusesKeywords(String keyword) {
    assertThatThrownBy(() -> PngWriter.encode(new Picture(1, 1, new byte[3]), Map.of(keyword, "x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("PNG keyword");
  }

  @Test
  void failureLeavesNothing() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("taken.png"));
    Files.writeString(folder.resolve("inside"), "x");
    assertThatThrownBy(() -> PngWriter.write(folder, new Picture(1, 1, new byte[3]), Map.of()))
        .isInstanceOf(IOException.class);
    try (var files = Files.list(temp)) {
      assertThat(files).containsExactly(folder);
    }
  }

  @Test
  void interruptionLeavesNothing() throws IOException {
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(
              () ->
                  PngWriter.write(temp.resolve("x.png"), new Picture(1, 1, new byte[3]), Map.of()))
          .isInstanceOf(IOException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void replacesAnOlderFile() throws IOException {
    Path file = temp.resolve("sub/x.png");
    PngWriter.write(file, new Picture(1, 1, new byte[] {1, 2, 3}), Map.of());
    PngWriter.write(file, new Picture(1, 1, new byte[] {4, 5, 6}), Map.of());
    assertThat(PictureReader.read(file).rgb()).containsExactly(4, 5, 6);
  }

  @Test
  void brokenFilesAreExplained() throws IOException {
    byte[] png = PngWriter.encode(new Picture(2, 2, new byte[12]), Map.of("seed", "8"));
    Path file = temp.resolve("x.png");
    Files.write(file, Arrays.copyOf(png, png.length - 20));
    assertThatThrownBy(() -> PngText.read(file))
        .isInstanceOf(ImageFormatException.class)
        .hasMessageContaining("x.png: the PNG file ends");
    png[45] ^= 1;
    Files.write(file, png);
    assertThatThrownBy(() -> PngText.read(file)).hasMessageContaining("wrong checksum");
    Files.writeString(file, "no picture");
    assertThatThrownBy(() -> PngText.read(file)).hasMessageContaining("not a PNG file");
    assertThatThrownBy(() -> PictureReader.read(file)).hasMessageContaining("not a picture");
    assertThatThrownBy(() -> PictureReader.read(temp.resolve("absent.png")))
        .hasMessageContaining("absent.png");
  }

  @Test
  @Timeout(30)
  void damagedFilesNeverEndInAnotherError() throws IOException {
    long seed = System.nanoTime();
    System.out.println("seed of damaged pictures: " + seed);
    Random random = new Random(seed);
    byte[] sound =
        PngWriter.encode(PictureReader.read(FIXTURE), Map.of("prompt", "日本", "seed", "8"));
    Path file = temp.resolve("x.png");
    int refused = 0;
    for (int round = 0; round < 300; round++) {
      byte[] bytes =
          Arrays.copyOf(
              sound, random.nextInt(4) == 0 ? random.nextInt(sound.length) : sound.length);
      for (int i = random.nextInt(3); i >= 0 && bytes.length > 0; i--) {
        bytes[random.nextInt(Math.min(bytes.length, 120))] = (byte) random.nextInt();
      }
      Files.write(file, bytes);
      try {
        PngText.read(file);
        PictureReader.read(file);
      } catch (ImageFormatException e) {
        assertThat(e.getMessage()).contains("x.png");
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  private static IIOMetadataNode platformMetadata(byte[] png) throws IOException {
    try (ImageInputStream in = ImageIO.createImageInputStream(new ByteArrayInputStream(png))) {
      ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
      reader.setInput(in);
      return (IIOMetadataNode) reader.getImageMetadata(0).getAsTree("javax_imageio_png_1.0");
    }
  }

  private static Map<String, String> attributes(
      IIOMetadataNode root, String element, String key, String value) {
    Map<String, String> found = new LinkedHashMap<>();
    var nodes = root.getElementsByTagName(element);
    for (int i = 0; i < nodes.getLength(); i++) {
      IIOMetadataNode node = (IIOMetadataNode) nodes.item(i);
      found.put(node.getAttribute(key), node.getAttribute(value));
    }
    return found;
  }

  private static byte[] chunk(String type, byte[] data) throws IOException {
    byte[] name = type.getBytes(StandardCharsets.ISO_8859_1);
    CRC32 crc = new CRC32();
    crc.update(concat(name, data));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(data.length);
    out.write(concat(name, data));
    out.writeInt((int) crc.getValue());
    return bytes.toByteArray();
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      bytes.writeBytes(part);
    }
    return bytes.toByteArray();
  }
}
