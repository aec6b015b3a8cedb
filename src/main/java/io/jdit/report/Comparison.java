package io.jdit.report;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleBiFunction;

/** The samples of one configuration beside the uncached ones, in the same order. */
public record Comparison(String name, List<Sample> references, List<Sample> runs) {
  double meanCachedSteps() {
    return runs.stream().mapToInt(Sample::cachedSteps).average().orElse(0);
  }

  /** Uncached time in blocks over cached time in blocks. */
  double blockSpeedup() {
    return sum(references, false) / sum(runs, false);
  }

  double denoiseSpeedup() {
    return sum(references, true) / sum(runs, true);
  }

  private static double sum(List<Sample> samples, boolean denoise) {
    return samples.stream().mapToDouble(s -> denoise ? s.denoiseMillis() : s.blockMillis()).sum();
  }

  double denoiseSeconds() {
    return sum(runs, true) / 1e3 / runs.size();
  }

  /** Mean of a measure; infinite PSNR of equal pictures counts as 100 dB. */
  double mean(ToDoubleBiFunction<Sample, Sample> measure) {
    double sum = 0;
    for (int i = 0; i < runs.size(); i++) {
      sum += Math.min(100, measure.applyAsDouble(runs.get(i), references.get(i)));
    }
    return sum / runs.size();
  }

  double worst(ToDoubleBiFunction<Sample, Sample> measure) {
    double worst = Double.POSITIVE_INFINITY;
    for (int i = 0; i < runs.size(); i++) {
      worst = Math.min(worst, measure.applyAsDouble(runs.get(i), references.get(i)));
    }
    return worst;
  }

  /** One row per configuration, in Markdown. */
  public static String table(List<Comparison> comparisons) {
    StringBuilder text = new StringBuilder();
    text.append(
        "| config | cached steps | denoise s | speed-up | blocks | PSNR mean | PSNR worst | SSIM mean | SSIM worst |\n");
    text.append("|---|---|---|---|---|---|---|---|---|\n");
    if (!comparisons.isEmpty()) {
      List<Sample> references = comparisons.get(0).references;
      text.append(
          String.format(
              Locale.ROOT,
              "| uncached | 0 | %.3f | 1.00x | 1.00x | | | | |%n",
              sum(references, true) / 1e3 / references.size()));
    }
    for (Comparison c : comparisons) {
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %.1f | %.3f | %.2fx | %.2fx | %.1f | %.1f | %.4f | %.4f |%n",
              c.name,
              c.meanCachedSteps(),
              c.denoiseSeconds(),
              c.denoiseSpeedup(),
              c.blockSpeedup(),
              c.mean(Sample::psnr),
              c.worst(Sample::psnr),
              c.mean(Sample::ssim),
              c.worst(Sample::ssim)));
    }
    return text.toString();
  }
}
