package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page in a headless Chromium; skipped where there is none. With {@code
 * -Djdit.screenshots=FOLDER} it leaves pictures of what it saw.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PageTest {
  private static final String DONE = "document.querySelector('#gallery .card img')";
  private static final int ENTER = 13;
  private static final int TAB = 9;

  @TempDir private Path folder;
  private TestServer server;
  private Browser browser;

  @BeforeEach
  void start() throws Exception {
    Optional<Path> program = Browser.program();
    assumeTrue(program.isPresent(), "no Chromium is installed");
    browser = new Browser(program.get(), Files.createDirectory(folder.resolve("profile")));
    browser.size(1200, 900, false);
  }

  private void serve(List<String> keys) throws Exception {
    server =
        new TestServer(
            TestServer.settings(folder.resolve("out"), 64, keys), ServedModelsForTests.shapes());
    browser.open(server.url());
    if (keys.isEmpty()) {
      browser.await("document.querySelector('#parameters input')");
    }
  }

  @AfterEach
  void stop() throws Exception {
    if (browser != null) {
      browser.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private void draw(String prompt, int steps) throws Exception {
    browser.evaluate(
        "document.getElementById('prompt').value = '"
            + prompt
            + "'; document.getElementById('p-num_inference_steps').value = '"
            + steps
            + "'; document.getElementById('form').requestSubmit()");
  }

  private void screenshot(String name) throws Exception {
    String target = System.getProperty("jdit.screenshots");
    if (target != null) {
      browser.screenshot(Files.createDirectories(Path.of(target)).resolve(name + ".png"));
    }
  }

  @Test
  void drawsWithThePreviewAndTheCachePlot() throws Exception {
    serve(List.of());
    draw("a large red circle on a blue background", 4);
    browser.await(DONE + " && " + DONE + ".naturalWidth === 64");
    browser.evaluate(
        "document.getElementById('cache').value = 'on';"
            + "document.getElementById('cache-params').value ="
            + " '{\"max_warmup_steps\": 4, \"residual_diff_threshold\": 0.5}'");
    draw("a small green square on a yellow background", 200);
    browser.await("document.querySelector('#running .card img')?.src.startsWith('data:image/png')");
    screenshot("drawing");
    browser.await("document.querySelectorAll('#gallery .card img').length === 2");
    browser.evaluate("document.querySelector('#gallery [data-action=details]').click()");
    browser.await("document.querySelector('dialog[open] svg .cached')");
    screenshot("details");
    browser.evaluate("document.getElementById('viewer-close').click()");
    for (int i = 0; i < 2; i++) {
      browser.evaluate(
          "document.querySelectorAll('#gallery [data-action=choose]')[" + i + "].click()");
    }
    browser.evaluate("document.getElementById('compare').click()");
    browser.await("document.querySelectorAll('dialog[open] figure img').length === 2");
    browser.await("document.querySelector('dialog[open] tr.differs')");
    screenshot("compare");
  }

  @Test
  void aReloadFindsWhatIsBeingDrawn() throws Exception {
    serve(List.of());
    draw("a large red circle on a blue background", 1500);
    browser.await("document.querySelector('#running progress')?.value > 0");
    browser.open(server.url() + "/?again");
    browser.await("document.querySelector('#running progress')?.value > 0");
    browser.evaluate("document.querySelector('#running [data-action=cancel]').click()");
    browser.await("document.querySelector('#gallery .card')?.innerText.includes('cancelled')");
  }

  @Test
  void settingsAreUsedAgainAndProblemsSaid() throws Exception {
    serve(List.of());
    browser.evaluate("document.getElementById('p-seed').value = '18446744073709551615'");
    draw("a small green square on a yellow background", 3);
    browser.await(DONE);
    browser.open(server.url() + "/?again");
    browser.await(DONE);
    browser.evaluate("document.querySelector('#gallery [data-action=again]').click()");
    browser.await("document.getElementById('p-num_inference_steps').value === '3'");
    assertThat(browser.evaluate("document.getElementById('prompt').value").stringValue())
        .isEqualTo("a small green square on a yellow background");
    draw("x", 0);
    browser.await(
        "document.getElementById('p-num_inference_steps').validity.rangeUnderflow"); // not sent
    browser.evaluate("document.getElementById('p-width').value = '65'");
    draw("x", 3);
    browser.await("document.getElementById('problem').innerText.includes('multiple of')");
  }

  @Test
  void everythingIsReachedByKeyboardAndHasAName() throws Exception {
    serve(List.of());
    browser.evaluate("document.getElementById('prompt').focus()");
    browser.type("a large red circle on a blue background");
    browser.evaluate("document.getElementById('p-num_inference_steps').value = '2'");
    for (int i = 0; i < 3; i++) { // the summary of the settings, then the button
      browser.press("Tab", TAB, null);
      if (browser.evaluate("document.activeElement.id").stringValue().equals("go")) {
        break;
      }
    }
    assertThat(browser.evaluate("document.activeElement.id").stringValue()).isEqualTo("go");
    browser.press("Enter", ENTER, "\r");
    browser.await(DONE);
    assertThat(
            browser
                .evaluate(
                    "[...document.querySelectorAll('input, select, textarea, button')].filter("
                        + "(e) => !e.labels?.length && !e.getAttribute('aria-label')"
                        + " && !e.textContent.trim()).map((e) => e.outerHTML).join()")
                .stringValue())
        .isEmpty();
    assertThat(browser.evaluate("[...document.images].filter((i) => !i.alt).length").intValue())
        .isZero();
  }

  @Test
  void fitsAPhone() throws Exception {
    browser.size(390, 800, true);
    serve(List.of());
    draw("a large red circle on a blue background", 2);
    browser.await(DONE);
    browser.evaluate("document.getElementById('settings').open = true");
    screenshot("phone");
    assertThat(
            browser.evaluate("document.documentElement.scrollWidth - window.innerWidth").intValue())
        .isLessThanOrEqualTo(0);
  }

  @Test
  void asksForTheKeyAndLoadsNothingFromElsewhere() throws Exception {
    serve(List.of("secret"));
    browser.await("document.getElementById('key-dialog')?.open");
    browser.evaluate(
        "document.getElementById('key').value = 'secret';"
            + "document.querySelector('#key-form button').click()");
    browser.await("document.querySelector('#parameters input')");
    draw("a large red circle on a blue background", 2);
    browser.await(DONE + "?.naturalWidth === 64");
    assertThat(
            browser
                .evaluate(
                    "performance.getEntriesByType('resource').map((e) => e.name)"
                        + ".filter((n) => !n.startsWith(location.origin)"
                        + " && !n.startsWith('blob:') && !n.startsWith('data:')).join()")
                .stringValue())
        .isEmpty();
  }
}
