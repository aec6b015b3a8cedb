package io.jdit.cache.tune;

import java.util.Comparator;

/** What "best" means; the worst sample decides about quality. */
public sealed interface TuningGoal {
  /** Speedups closer than this count as equal: timing is no more exact. */
  double SPEED_RESOLUTION = 1.03;

  boolean isMet(Candidate candidate);

  /** Best first. */
  Comparator<Candidate> order();

  /** As fast as possible with a worst PSNR of at least {@code psnr} dB. */
  record Quality(double psnr) implements TuningGoal {
    @Override
    public boolean isMet(Candidate candidate) {
      return candidate.worstPsnr() >= psnr;
    }

    @Override
    public Comparator<Candidate> order() {
      Comparator<Candidate> faster =
          Comparator.comparingLong((Candidate c) -> isMet(c) ? -speedClass(c) : Long.MAX_VALUE);
      return faster.thenComparing(Comparator.comparingDouble(Candidate::worstPsnr).reversed());
    }
  }

  /** As good as possible with a speedup of at least {@code factor}. */
  record Speed(double factor) implements TuningGoal {
    @Override
    public boolean isMet(Candidate candidate) {
      return candidate.speedup() >= factor;
    }

    @Override
    public Comparator<Candidate> order() {
      Comparator<Candidate> better =
          Comparator.comparingDouble(
              (Candidate c) -> isMet(c) ? -c.worstPsnr() : Double.POSITIVE_INFINITY);
      return better.thenComparing(Comparator.comparingDouble(Candidate::speedup).reversed());
    }
  }

  private static long speedClass(Candidate candidate) {
    return Math.round(Math.log(candidate.speedup()) / Math.log(SPEED_RESOLUTION));
  }
}
