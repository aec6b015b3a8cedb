package io.jdit.report;

import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The page of {@code jdit compare}: the table, then for every sample the pictures and where they
 * differ.
 */
public final class ComparisonPage {
  /** Differences are shown ten times as large as they are. */
  private static final int AMPLIFICATION = 10;

  private ComparisonPage() {}

  /**
   * The page.
   *
   * @param titles of the samples, for example prompt and seed
   */
  public static String render(
      List<String> titles, List<Sample> references, List<Comparison> comparisons)
      throws IOException {
    StringBuilder page = new StringBuilder(HtmlPage.head("Cache configurations compared"));
    page.append(HtmlPage.table(Comparison.table(comparisons)))
        .append("<p>Difference maps are amplified ")
        .append(AMPLIFICATION)
        .append(" times.</p>\n");
    for (int i = 0; i < titles.size(); i++) {
      page.append("<h2>")
          .append(HtmlPage.escape(titles.get(i)))
          .append("</h2>\n<div class=\"scroll\"><table><tr>");
      cell(page, "uncached", references.get(i).picture(), null);
      for (Comparison c : comparisons) {
        Sample run = c.runs().get(i);
        String caption =
            String.format(
                Locale.ROOT,
                "%s: %.1f dB, SSIM %.4f, gradients %.4f",
                c.name(),
                run.psnr(references.get(i)),
                run.ssim(references.get(i)),
                run.gradientSimilarity(references.get(i)));
        cell(page, caption, run.picture(), difference(run.picture(), references.get(i).picture()));
      }
      page.append("</tr></table></div>\n");
    }
    return page.append("</body>\n</html>\n").toString();
  }

  private static void cell(StringBuilder page, String caption, Picture picture, Picture difference)
      throws IOException {
    page.append("<td>").append(image(picture));
    if (difference != null) {
      page.append("<br>").append(image(difference));
    }
    page.append("<br>").append(HtmlPage.escape(caption)).append("</td>");
  }

  private static String image(Picture picture) throws IOException {
    return "<img alt=\"\" style=\"min-width: 8rem; image-rendering: pixelated\" src=\"data:image/png;base64,"
        + Base64.getEncoder().encodeToString(PngWriter.encode(picture, Map.of()))
        + "\">";
  }

  static Picture difference(Picture a, Picture b) {
    byte[] rgb = new byte[a.rgb().length];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] =
          (byte) Math.min(255, AMPLIFICATION * Math.abs((a.rgb()[i] & 255) - (b.rgb()[i] & 255)));
    }
    return new Picture(a.width(), a.height(), rgb);
  }
}
