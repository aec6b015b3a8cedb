package io.jdit.cache.tune;

import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Settings with what was measured of them so far, sample by sample. */
public final class Candidate {
  private final Values settings;
  private final List<TuningModel.Measurement> measurements = new ArrayList<>();

  Candidate(Values settings) {
    this.settings = settings;
  }

  public Values settings() {
    return settings;
  }

  /** In the order of the samples; shorter than the samples for candidates that dropped out. */
  public List<TuningModel.Measurement> measurements() {
    return Collections.unmodifiableList(measurements);
  }

  /** Smallest PSNR so far in dB: more samples can only lower it. */
  public double worstPsnr() {
    return measurements.stream()
        .mapToDouble(TuningModel.Measurement::psnr)
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }

  /** Blocks of an uncached run divided by those that ran, over all samples so far. */
  public double speedup() {
    return measurements.size()
        / measurements.stream().mapToDouble(TuningModel.Measurement::work).sum();
  }

  /** Uncached time divided by cached time in blocks, over all samples so far. */
  public double measuredSpeedup() {
    double cached = measurements.stream().mapToDouble(TuningModel.Measurement::blockMillis).sum();
    double uncached =
        measurements.stream().mapToDouble(TuningModel.Measurement::uncachedBlockMillis).sum();
    return uncached / cached;
  }

  /** True when {@code other} is at least as good in both respects and better in one. */
  boolean isDominatedBy(Candidate other) {
    return other.worstPsnr() >= worstPsnr()
        && other.speedup() >= speedup()
        && (other.worstPsnr() > worstPsnr() || other.speedup() > speedup());
  }

  /** True when {@code other} is as good in both respects. */
  boolean equalsInBoth(Candidate other) {
    return other.worstPsnr() == worstPsnr() && other.speedup() == speedup();
  }

  void add(TuningModel.Measurement measurement) {
    measurements.add(measurement);
  }
}
