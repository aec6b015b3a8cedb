package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheSection;
import io.jdit.config.SettingsFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TuneCommandTest {
  @Test
  void tunesTheEmbeddedModelAndWritesAFileThatGenerateTakes(@TempDir Path folder) {
    Path file = folder.resolve("tuned.yaml");
    CommandLineRun run =
        CommandLineRun.of(
            "tune",
            "--target-psnr",
            "30",
            "--prompt",
            "a red circle on a white background",
            "--num-inference-steps",
            "10",
            "--true-cfg-scale",
            "1",
            "--max-runs",
            "30",
            "--device",
            "cpu",
            "--save-config",
            file.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("<- best").contains("cache_config:");
    CacheSection config = CacheSection.of(SettingsFile.read(file));
    assertThat(config.settings().get(CacheKeys.FN_COMPUTE_BLOCKS)).isEqualTo(1);
    CommandLineRun generated =
        CommandLineRun.of(
            "cache",
            "explain",
            "--cache-dit-config",
            file.toString(),
            "--num-inference-steps",
            "10");
    assertThat(generated.exitCode()).as(generated.err()).isZero();
    assertThat(generated.out()).startsWith("cache: DBCache");
  }

  @Test
  void oneGoalIsNeeded() {
    CommandLineRun none = CommandLineRun.of("tune", "--prompt", "x");
    assertThat(none.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(none.err()).contains("--target-psnr");
    CommandLineRun both =
        CommandLineRun.of("tune", "--prompt", "x", "--target-psnr", "30", "--target-speedup", "2");
    assertThat(both.exitCode()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aTooSmallBudgetIsRefusedBeforeTheSearch() {
    CommandLineRun run =
        CommandLineRun.of(
            "tune",
            "--prompt",
            "a red circle on a white background",
            "--num-inference-steps",
            "2",
            "--target-psnr",
            "30",
            "--max-runs",
            "3");
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.err()).contains("a budget of 3 generations is too small: 8 are needed");
  }
}
