package io.jdit.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TerminalPreviewTest {
  @Test
  void twoRowsOfPixelsMakeOneLine() {
    byte[] rgb = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, (byte) 255, 0, 0, 0, (byte) 255, 0};
    assertThat(TerminalPreview.render(new Picture(2, 3, rgb), 80))
        .isEqualTo(
            "\u001b[38;2;1;2;3m\u001b[48;2;7;8;9m▀\u001b[38;2;4;5;6m\u001b[48;2;10;11;12m▀\u001b[0m\n"
                + "\u001b[38;2;255;0;0m▀\u001b[38;2;0;255;0m▀\u001b[0m\n");
  }

  @Test
  void smallerOutputAveragesAreas() {
    // One row of three pixels onto two columns: each takes one and a half pixels.
    byte[] rgb = {0, 0, 0, 30, 60, 90, 120, (byte) 180, (byte) 240};
    assertThat(TerminalPreview.render(new Picture(3, 1, rgb), 2))
        .isEqualTo("\u001b[38;2;10;20;30m▀\u001b[38;2;90;140;190m▀\u001b[0m\n");
  }

  @Test
  void refusesNoColumns() {
    assertThatThrownBy(() -> TerminalPreview.render(new Picture(1, 1, new byte[3]), 0))
        .hasMessageContaining("columns 0");
  }
}
