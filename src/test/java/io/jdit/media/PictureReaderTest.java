package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that Pillow 12.3 wrote or reads, and what it makes of them. */
class PictureReaderTest {
  private static final Path FOLDER = Fixture.ROOT.resolve("pictures");

  @TempDir private Path temp;

  private static Stream<String> names() {
    try (SafeTensorsFile expected = SafeTensorsFile.open(FOLDER.resolve("expected.safetensors"))) {
      return expected.names().stream().sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void pixelsEqualThoseOfPillow(String name) throws IOException {
    Picture picture = PictureReader.read(FOLDER.resolve(name));
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile file = SafeTensorsFile.open(FOLDER.resolve("expected.safetensors"))) {
      Tensor expected = file.read(name);
      assertThat(picture.height()).isEqualTo((int) expected.size(0));
      assertThat(picture.width()).isEqualTo((int) expected.size(1));
      assertThat(picture.rgb()).isEqualTo(expected.toBytes());
    }
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(temp.resolve(name), bytes);
  }

  @ParameterizedTest
  @MethodSource("names")
  void filesThatEndTooEarlyAreRefused(String name) throws IOException {
    byte[] whole = Files.readAllBytes(FOLDER.resolve(name));
    for (double part : new double[] {0.02, 0.3, 0.6}) {
      Path file = write("short", Arrays.copyOf(whole, 1 + (int) (part * whole.length)));
      assertThatThrownBy(() -> PictureReader.read(file))
          .as("%s of %s", part, name)
          .isInstanceOf(ImageFormatException.class)
          .hasMessageContaining("short: ");
    }
  }

  /**
   * Nothing but a header that says 60,000 x 60,000: as soon as pixels are asked for, it is damaged.
   */
  @ParameterizedTest
  @CsvSource({
    "png, 89504e470d0a1a0a0000000d494844520000ea600000ea6008020000009c0b7a4f",
    "gif, 47494638396160ea60ea0000002c0000000060ea60ea00",
    "jpg, ffd8ffc0001108ea60ea6003011100021100031100ffda000c03010002000300003f00"
  })
  void sizesOfBombsAreRefusedBeforeDecoding(String format, String header) throws IOException {
    Path file = write("bomb." + format, HexFormat.of().parseHex(header));
    assertThatThrownBy(() -> PictureReader.read(file))
        .isInstanceOf(ImageFormatException.class)
        .hasMessageContaining("60000 x 60000 pixels, expected at most 178956970");
  }

  @ParameterizedTest
  @CsvSource({
    "'', an empty file",
    "no picture, not a picture",
    "II*\\0xxxx, a TIFF picture",
    "\\0\\0\\0\\030ftypheic, a HEIF picture",
    "\\0\\0\\0\\030ftypavif, an AVIF picture",
    "<svg xmlns='http://www.w3.org/2000/svg'/>, an SVG drawing",
    "%PDF-1.7, a PDF document"
  })
  void otherFilesAreNamed(String content, String what) throws IOException {
    Path file = write("x", content.translateEscapes().getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> PictureReader.read(file))
        .isInstanceOf(ImageFormatException.class)
        .hasMessage(file + ": " + what + ", expected PNG, JPEG, WebP, GIF or BMP");
  }

  @Test
  void foldersAndMissingFilesAreNamed() {
    assertThatThrownBy(() -> PictureReader.read(temp)).hasMessageContaining(": a folder, expected");
    assertThatThrownBy(() -> PictureReader.read(temp.resolve("absent")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "10000, 10", "10, 10000"})
  void extremeShapesAreRead(int width, int height) throws IOException {
    Picture picture = new Picture(width, height, new byte[3 * width * height]);
    Path file = write("x.png", PngWriter.encode(picture, Map.of()));
    assertThat(PictureReader.read(file)).usingRecursiveComparison().isEqualTo(picture);
  }

  @Test
  void animatedWebpIsRefused() throws IOException {
    byte[] bytes = Files.readAllBytes(FOLDER.resolve("lossy_alpha.webp"));
    bytes[20] |= 2; // the flag of the extended header
    Path file = write("x.webp", bytes);
    assertThatThrownBy(() -> PictureReader.read(file)).hasMessageContaining("an animated WebP");
  }
}
