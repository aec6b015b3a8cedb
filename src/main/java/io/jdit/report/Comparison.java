package io.jdit.report;

import java.util.Arrays;
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

  double cacheMegabytes() {
    return runs.stream().mapToLong(Sample::cacheBytes).max().orElse(0) / 1e6;
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

  /** The value that a share of the samples is below: the floor(share n)-th worst, from 0. */
  double quantile(double share, ToDoubleBiFunction<Sample, Sample> measure) {
    double[] sorted = new double[runs.size()];
    for (int i = 0; i < sorted.length; i++) {
      sorted[i] = measure.applyAsDouble(runs.get(i), references.get(i));
    }
    Arrays.sort(sorted);
    return sorted[(int) (share * sorted.length)];
  }

  double worst(ToDoubleBiFunction<Sample, Sample> measure) {
    return quantile(0, measure);
  }

  /**
   * One line per sample and configuration, with a heading.
   *
   * @param titles of the samples
   */
  public static String csv(List<String> titles, List<Comparison> comparisons) {
    StringBuilder text =
        new StringBuilder(
            "sample,config,psnr,ssim,ms_ssim,gradients,cached_steps,block_share,denoise_ms,uncached_ms,cache_bytes\n");
    for (Comparison c : comparisons) {
      for (int i = 0; i < c.runs.size(); i++) {
        Sample run = c.runs.get(i);
        Sample reference = c.references.get(i);
        text.append(
            String.format(
                Locale.ROOT,
                "\"%s\",%s,%.3f,%.5f,%.5f,%.5f,%d,%.4f,%.2f,%.2f,%d%n",
                titles.get(i).replace("\"", "\"\""),
                c.name,
                run.psnr(reference),
                run.ssim(reference),
                run.multiScaleSsim(reference),
                run.gradientSimilarity(reference),
                run.cachedSteps(),
                run.blockShare(),
                run.denoiseMillis(),
                reference.denoiseMillis(),
                run.cacheBytes()));
      }
    }
    return text.toString();
  }

  /** One row per configuration, in Markdown. */
  public static String table(List<Comparison> comparisons) {
    StringBuilder text = new StringBuilder();
    text.append(
        "| config | cached steps | denoise s | speed-up | blocks | cache MB | PSNR mean | median | worst 5 % | PSNR worst | SSIM mean | SSIM worst | MS-SSIM worst | gradients worst |\n");
    text.append("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    if (!comparisons.isEmpty()) {
      List<Sample> references = comparisons.get(0).references;
      text.append(
          String.format(
              Locale.ROOT,
              "| uncached | 0 | %.3f | 1.00x | 1.00x | | | | | | | | | |%n",
              sum(references, true) / 1e3 / references.size()));
    }
    for (Comparison c : comparisons) {
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %.1f | %.3f | %.2fx | %.2fx | %.2f | %.1f | %.1f | %.1f | %.1f | %.4f | %.4f | %.4f | %.4f |%n",
              c.name,
              c.meanCachedSteps(),
              c.denoiseSeconds(),
              c.denoiseSpeedup(),
              c.blockSpeedup(),
              c.cacheMegabytes(),
              c.mean(Sample::psnr),
              c.quantile(0.5, Sample::psnr),
              c.quantile(0.05, Sample::psnr),
              c.worst(Sample::psnr),
              c.mean(Sample::ssim),
              c.worst(Sample::ssim),
              c.worst(Sample::multiScaleSsim),
              c.worst(Sample::gradientSimilarity)));
    }
    return text.toString();
  }
}
