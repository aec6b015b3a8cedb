package io.jdit.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheStatistics;
import io.jdit.config.Values;
import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class CacheReportTest {
  private static CacheStatistics statistics(boolean separateCfg) {
    Map<Integer, List<Double>> diffs = new LinkedHashMap<>();
    diffs.put(2, List.of(0.05));
    diffs.put(3, List.of(0.2));
    diffs.put(4, List.of(Double.POSITIVE_INFINITY));
    diffs.put(5, List.of(-1.0));
    var conditional = new CacheStatistics.Branch(List.of(2, 5), diffs, 2, List.of(), List.of());
    var unconditional =
        new CacheStatistics.Branch(
            List.of(3), separateCfg ? Map.of(3, List.of(0.01)) : Map.of(), 1, List.of(), List.of());
    Values settings =
        Values.none()
            .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 0.12)
            .with(CacheKeys.ENABLE_SEPARATE_CFG, separateCfg);
    return new CacheStatistics(
        "transformer",
        "transformer_blocks",
        12,
        CacheConfig.of(settings),
        conditional,
        unconditional,
        6,
        separateCfg ? 12 : 6,
        6,
        12);
  }

  private static CacheReport report(boolean separateCfg, String title, byte[] picture) {
    return new CacheReport(
        title,
        List.of(statistics(separateCfg)),
        Map.of("denoise", 12.5),
        Map.of("steps", "6"),
        picture);
  }

  /** The page without its doctype and void tags is XML; a parser finds what a browser would. */
  private static Document parse(String html) throws Exception {
    String xml =
        html.substring(html.indexOf("<html")).replaceAll("<(meta|img|br)([^>]*)>", "<$1$2/>");
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(xml)));
  }

  @Test
  void textHasTagSummaryTableAndTimes() {
    assertThat(report(false, "t", null).text())
        .startsWith(
            """
            transformer_blocks: DBCache_F8B0_W8I1M0MC0_R0.12_CFG0_T0O0_S2
            cached 2 of 6 steps

            | Cache Steps | Diffs P00 |""")
        .contains("| 2           | -1.0      |")
        .endsWith("denoise            12.5 ms\n");
  }

  @Test
  void pageMarksCachedAndComputedStepsOfEveryBranch() throws Exception {
    Document page = parse(report(true, "t", null).html());
    assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(2);
    var circles = page.getElementsByTagName("circle");
    StringBuilder marks = new StringBuilder();
    for (int i = 0; i < circles.getLength(); i++) {
      marks.append(circles.item(i).getTextContent()).append('\n');
    }
    assertThat(marks)
        .hasToString(
            """
            step 2: 0.0500, cached
            step 3: 0.2000, computed
            step 5: not measured, cached
            step 3: 0.0100, cached
            """);
    assertThat(page.getElementsByTagName("polyline").getLength()).isEqualTo(2);
  }

  @Test
  void textFromOutsideIsEscapedAndThePictureIsInside() throws Exception {
    String title = "<script>alert('x')</script> & \"more\"";
    Document page = parse(report(false, title, new byte[] {1, 2, 3}).html());
    assertThat(page.getElementsByTagName("h1").item(0).getTextContent()).isEqualTo(title);
    assertThat(page.getElementsByTagName("script").getLength()).isZero();
    assertThat(
            page.getElementsByTagName("img")
                .item(0)
                .getAttributes()
                .getNamedItem("src")
                .getNodeValue())
        .isEqualTo("data:image/png;base64,AQID");
  }
}
