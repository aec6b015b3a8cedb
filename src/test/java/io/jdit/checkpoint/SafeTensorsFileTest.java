package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafeTensorsFileTest {
  private static final String GOOD =
      "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'BF16','shape':[2,2],'data_offsets':[8,16]}}";

  @TempDir private Path folder;

  @Test
  void readsTensorsWhereverTheDataStarts() throws IOException {
    // A header of odd length puts float32 data at an unaligned offset.
    for (String pad : new String[] {"", " ", "  ", "   "}) {
      ByteBuffer data =
          ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putFloat(1.5f).putFloat(-2);
      for (int i = 0; i < 4; i++) {
        data.putShort((short) (Float.floatToIntBits(i + 1) >>> 16));
      }
      try (TensorScope scope = TensorScope.open();
          SafeTensorsFile file = SafeTensorsFile.open(write(GOOD + pad, data.array()))) {
        assertThat(file.names()).containsExactly("a", "b");
        assertThat(file.read("a").toFloats()).containsExactly(1.5f, -2);
        assertThat(file.read("b").toFloats()).containsExactly(1, 2, 3, 4);
        assertThat(file.read("b").shape()).containsExactly(2, 2);
      }
    }
  }

  @Test
  void writerAndReaderAgree() throws IOException {
    try (TensorScope scope = TensorScope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
      tensors.put("ids", Tensor.of(new long[] {7, 8, 9}));
      tensors.put("half", tensors.get("latents").to(DType.FLOAT16));
      Path target = folder.resolve("out.safetensors");
      SafeTensorsWriter.write(target, tensors);
      try (SafeTensorsFile file = SafeTensorsFile.open(target)) {
        tensors.forEach((name, t) -> assertThat(file.read(name).equalTo(t)).as(name).isTrue());
      }
      try (var files = Files.list(folder)) {
        assertThat(files).as("no temporary file is left").hasSize(1);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}} | 12 | inside the tensor before it
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}} | 12 | leaving a gap
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 7 | cut off
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 9 | holds 9
          {'a':{'dtype':'F33','shape':[2],'data_offsets':[0,8]}} | 8 | unsupported dtype F33
          {'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}} | 8 | needs 12 bytes
          {'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | 8 | whole numbers >= 0
          {'a':{'dtype':'F32','shape':[4611686018427387904,4],'data_offsets':[0,8]}} | 8 | impossible shape
          {'a':{'dtype':'F32','shape':[2]}} | 8 | lacks dtype, shape or two data_offsets
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'a':{'dtype':'F32','shape':[0],'data_offsets':[8,8]}} | 8 | not valid JSON
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8] | 8 | not valid JSON
          [1] | 0 | not a JSON object
          """)
  void brokenHeadersAreNamed(String header, int dataBytes, String reason) throws IOException {
    Path file = write(header, new byte[dataBytes]);
    assertThatThrownBy(() -> SafeTensorsFile.open(file))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(reason);
  }

  @Test
  void brokenLengthsAreNamed() throws IOException {
    Path file = folder.resolve("x.safetensors");
    Files.write(file, new byte[5]);
    assertThatThrownBy(() -> SafeTensorsFile.open(file)).hasMessageContaining("it has 5 bytes");
    for (long length : new long[] {1000, -1, Long.MAX_VALUE, 0, 1}) {
      Files.write(
          file, ByteBuffer.allocate(40).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array());
      assertThatThrownBy(() -> SafeTensorsFile.open(file)).hasMessageContaining("header claims");
    }
    Files.delete(file);
    assertThatThrownBy(() -> SafeTensorsFile.open(file)).hasMessageContaining("does not exist");
    assertThatThrownBy(() -> SafeTensorsFile.open(folder)).isInstanceOf(ModelFormatException.class);
  }

  /** Whatever bytes come: either a file that reads, or an error that names it. */
  @Test
  void randomDamageNeverEscapesTheException() throws IOException {
    long seed = System.nanoTime();
    System.out.println("SafeTensorsFileTest seed " + seed);
    Random random = new Random(seed);
    byte[] good = Files.readAllBytes(write(GOOD, new byte[16]));
    Path file = folder.resolve("fuzz.safetensors");
    for (int round = 0; round < 3000; round++) {
      byte[] bytes =
          java.util.Arrays.copyOf(
              good, random.nextInt(4) == 0 ? random.nextInt(good.length) : good.length);
      for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
        bytes[random.nextInt(bytes.length)] =
            (byte)
                (random.nextBoolean()
                    ? random.nextInt(256)
                    : "0123456789[]{},:'\"".charAt(random.nextInt(18)));
      }
      Files.write(file, bytes);
      try (TensorScope scope = TensorScope.open();
          SafeTensorsFile f = SafeTensorsFile.open(file)) {
        for (String name : f.names()) {
          assertThat(f.read(name).bytes()).isEqualTo(f.info(name).bytes());
        }
      } catch (ModelFormatException e) {
        assertThat(e.getMessage()).contains("fuzz.safetensors").doesNotContain("\n");
      }
    }
  }

  private Path write(String header, byte[] data) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer =
        ByteBuffer.allocate(8 + json.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(json.length).put(json).put(data);
    return Files.write(folder.resolve("test.safetensors"), buffer.array());
  }
}
