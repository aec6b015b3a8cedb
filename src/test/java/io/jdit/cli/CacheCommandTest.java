package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Options that are made from the keys of the cache. */
class CacheCommandTest {
  private static CommandLineRun explain(String... options) {
    return CommandLineRun.of(
        Stream.concat(Stream.of("cache", "explain"), Stream.of(options)).toArray(String[]::new));
  }

  @Test
  void everyOptionSetsItsField() {
    CommandLineRun run =
        explain(
            "--cache",
            "--Fn",
            "2",
            "--rdt=0.5",
            "--taylorseer",
            "--taylorseer-order",
            "2",
            "--scm-compute-bins",
            "4,2",
            "--scm-cache-bins=2,2",
            "--scm-policy",
            "static",
            "--num-inference-steps",
            "10");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out().replaceAll(" +", " "))
        .startsWith("cache: DBCache\n")
        .contains(" Fn_compute_blocks 2 flag --Fn\n")
        .contains(" max_warmup_steps 4 serving profile\n")
        .contains(" residual_diff_threshold 0.5 flag --rdt\n")
        .contains(" calibrator taylorseer flag --taylorseer\n")
        .contains(" taylorseer_order 2 flag --taylorseer-order\n")
        .contains("mask 1111001100: 6 computed, 4 from the cache\n");
  }

  @Test
  void switchesAreRead() {
    assertThat(explain("--no-cache", "--Fn", "2").out()).startsWith("cache: off\n");
    assertThat(explain("--cache", "--prune").out()).startsWith("cache: DBPrune\n");
    assertThat(explain().out()).startsWith("cache: off\n");
  }

  @Test
  void mistakesNameTheOption() {
    expect("'--Fn': expected an integer >= 1, found '0'", "--cache", "--Fn", "0");
    expect("'--Fn': expected an integer >= 1, found 'two'", "--cache", "--Fn", "two");
    expect("'--scm-cache-bins': expected a list of integers", "--cache", "--scm-cache-bins", "1,x");
    expect("--foca needs --cache or a file", "--foca");
    expect("--taylorseer-order needs --taylorseer", "--cache", "--taylorseer-order", "2");
  }

  private static void expect(String message, String... options) {
    CommandLineRun run = explain(options);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
  }
}
