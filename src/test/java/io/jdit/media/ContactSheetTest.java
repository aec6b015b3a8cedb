package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContactSheetTest {
  /** Levels of the frames on the sheet, from the numbers of the frames that came. */
  @ParameterizedTest
  @CsvSource({
    "1, 1 x 1, 0",
    "2, 2 x 1, 0 1",
    "4, 3 x 2, 0 1 2 3",
    "9, 3 x 3, 0 1 2 3 4 5 6 7 8",
    "10, 3 x 2, 0 2 4 6 8",
    "17, 3 x 3, 0 2 4 6 8 10 12 14 16",
    "81, 3 x 2, 0 16 32 48 64 80",
    "121, 3 x 3, 0 16 32 48 64 80 96 112"
  })
  void framesAtEvenDistances(int frames, String cells, String expected) {
    ContactSheet sheet = new ContactSheet();
    for (int t = 0; t < frames; t++) {
      byte[] rgb = new byte[3 * 4 * 2];
      Arrays.fill(rgb, (byte) t);
      sheet.add(new Picture(4, 2, rgb));
    }
    Picture picture = sheet.picture();
    assertThat(picture.width() / 4 + " x " + picture.height() / 2).isEqualTo(cells);
    String[] levels = expected.split(" ");
    for (int i = 0; i < levels.length; i++) {
      int x = i % 3 * 4;
      int y = i / 3 * 2;
      int found = picture.rgb()[3 * (y * picture.width() + x)] & 0xff;
      assertThat(found).as("cell %d", i).isEqualTo(Integer.parseInt(levels[i]));
    }
  }

  @Test
  void largeFramesBecomeSmall() {
    ContactSheet sheet = new ContactSheet();
    sheet.add(new Picture(1024, 512, new byte[3 * 1024 * 512]));
    assertThat(sheet.picture().width()).isEqualTo(256);
    assertThat(sheet.picture().height()).isEqualTo(128);
  }
}
