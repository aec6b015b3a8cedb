package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.testing.NoLeaks;
import java.io.EOFException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
class TensorDataTest {
  private static final long LENGTH = 160L << 20; // several pieces

  @Test
  void aLargeTensorIsReadInPieces(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("sparse");
    long[] marks = {3, 64L << 20, (64L << 20) - 1, (128L << 20) + 5, LENGTH + 2};
    try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
      f.setLength(LENGTH + 3);
      for (int i = 0; i < marks.length; i++) {
        f.seek(marks[i]);
        f.write(i + 1);
      }
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        TensorScope scope = TensorScope.open()) {
      Tensor t = Tensor.read(channel, 3, DType.UINT8, LENGTH);
      for (int i = 0; i < marks.length; i++) {
        assertThat(t.narrow(0, marks[i] - 3, 1).item()).isEqualTo(i + 1);
      }
      assertThat(t.to(DType.INT64).sum().item()).isEqualTo(1 + 2 + 3 + 4 + 5);
      assertThatThrownBy(() -> Tensor.read(channel, 4, DType.UINT8, LENGTH))
          .isInstanceOf(EOFException.class);
    }
  }
}
