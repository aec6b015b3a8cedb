package io.jdit.cache.forecast;

/**
 * What a calibration found out about one expert, for as many steps as it computes.
 *
 * @param sigmas share of noise before each of its steps and after the last, n + 1 values
 * @param guidance what an error of each branch's velocity weighs in the guided one, for example 3
 *     and -2 for classifier-free guidance of 3
 * @param gain by how much an error that is made at a step has grown in the final latents, n values
 * @param gram of the velocities
 * @param correction of what forecasts missed: the one that the calibration found to be closest to
 *     uncached runs
 */
public record ExpertProfile(
    double[] sigmas, double[] guidance, double[] gain, GramMatrix gram, Correction correction) {
  public ExpertProfile {
    Required.given("gram", gram);
    Required.given("correction", correction);
    Required.finite("sigmas", sigmas, gram.steps() + 1);
    Required.finite("guidance", guidance, gram.branches());
    Required.finite("gain", gain, gram.steps());
  }

  /** The same with another correction. */
  ExpertProfile with(Correction other) {
    return new ExpertProfile(sigmas, guidance, gain, gram, other);
  }

  public int steps() {
    return gram.steps();
  }
}
