package io.jdit.cache.tune;

import java.util.Comparator;

/** What "best" means; the worst sample decides about quality. */
public sealed interface TuningGoal {
  boolean isMet(Candidate candidate);

  /**
   * Whether settings that met the goal keep it on other samples: their quality, since their speed
   * is what it was.
   */
  boolean isKept(Candidate unseen);

  /** How far a candidate is from the goal's limit, on either side. */
  double distance(Candidate candidate);

  /** Best first. */
  Comparator<Candidate> order();

  /** As fast as possible with a worst PSNR of at least {@code psnr} dB. */
  record Quality(double psnr) implements TuningGoal {
    @Override
    public boolean isMet(Candidate candidate) {
      return candidate.worstPsnr() >= psnr;
    }

    @Override
    public boolean isKept(Candidate unseen) {
      return isMet(unseen);
    }

    @Override
    public double distance(Candidate candidate) {
      return Math.abs(candidate.worstPsnr() - psnr);
    }

    @Override
    public Comparator<Candidate> order() {
      Comparator<Candidate> faster =
          Comparator.comparingDouble(
              (Candidate c) -> isMet(c) ? -c.speedup() : Double.POSITIVE_INFINITY);
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
    public boolean isKept(Candidate unseen) {
      return true;
    }

    @Override
    public double distance(Candidate candidate) {
      return Math.abs(Math.log(candidate.speedup() / factor));
    }

    @Override
    public Comparator<Candidate> order() {
      Comparator<Candidate> better =
          Comparator.comparingDouble(
              (Candidate c) -> isMet(c) ? -c.worstPsnr() : Double.POSITIVE_INFINITY);
      return better.thenComparing(Comparator.comparingDouble(Candidate::speedup).reversed());
    }
  }
}
