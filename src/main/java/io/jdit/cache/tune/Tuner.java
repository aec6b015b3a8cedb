package io.jdit.cache.tune;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.StepMask;
import io.jdit.cache.StepMaskSource;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Finds cache settings in three passes: a coarse grid on the first sample; successive halving, in
 * which the survivors are measured on 1, 2, 4, ... samples and the better half goes on; and a
 * descent from the best static mask that drops and shifts single computed steps.
 *
 * <p>The worst sample decides, and more samples can only lower it: a mask under test is given up as
 * soon as one sample falls behind.
 */
public final class Tuner {
  /** So many candidates are measured on every sample. */
  private static final int FINALISTS = 8;

  /** Share of the runs that the grid and the halving may take. */
  private static final double COARSE_SHARE = 0.6;

  private final TuningModel model;
  private final TuningGoal goal;
  private final int budget;
  private final Consumer<String> progress;
  private int runs;

  /**
   * @param budget cached generations that may be made; a small one thins the grid
   * @param progress hears one line now and then
   */
  public Tuner(TuningModel model, TuningGoal goal, int budget, Consumer<String> progress) {
    if (model.samples() < 1) {
      throw new IllegalArgumentException("tuning needs at least one prompt and seed");
    }
    if (budget < FINALISTS * model.samples()) {
      throw new IllegalArgumentException(
          "a budget of "
              + budget
              + " generations is too small: "
              + FINALISTS * model.samples()
              + " are needed for "
              + model.samples()
              + " samples");
    }
    this.model = model;
    this.goal = goal;
    this.budget = budget;
    this.progress = progress;
  }

  /** Runs the search. */
  public TuningResult run() {
    runs = 0;
    List<Candidate> finalists = halve(grid());
    List<Candidate> complete = new ArrayList<>(finalists);
    descend(complete);
    complete.sort(goal.order());
    Candidate best = goal.isMet(complete.get(0)) ? complete.get(0) : null;
    List<Candidate> meeting = complete.stream().filter(goal::isMet).toList();
    return new TuningResult(best, meeting, front(complete), runs);
  }

  /** The coarse grid, thinned evenly to what the budget allows. */
  private List<Candidate> grid() {
    List<Values> settings = CandidateGrid.of(model.steps());
    List<Candidate> grid = new ArrayList<>();
    model.further().forEach(s -> grid.add(new Candidate(s)));
    // The halving costs about as much as the grid itself, and the finalists all samples.
    int affordable =
        (int) Math.max(FINALISTS, (budget * COARSE_SHARE - FINALISTS * model.samples()) / 2);
    int count = Math.min(settings.size(), affordable - grid.size());
    for (int i = 0; i < count; i++) {
      grid.add(new Candidate(settings.get((int) ((long) i * settings.size() / count))));
    }
    return grid;
  }

  private List<Candidate> halve(List<Candidate> pool) {
    List<Candidate> candidates = pool;
    int samples = 1;
    while (true) {
      for (Candidate c : candidates) {
        measure(c, samples);
      }
      if (samples == model.samples() && candidates.size() <= FINALISTS) {
        return candidates;
      }
      int keep = Math.max(FINALISTS, candidates.size() / 2);
      samples = Math.min(2 * samples, model.samples());
      if (samples == model.samples()) {
        keep = FINALISTS;
      }
      candidates = select(candidates, keep);
      progress.accept(
          "%s candidates go on to %s samples, %s runs made"
              .formatted(candidates.size(), samples, runs));
    }
  }

  /**
   * Half by the goal, the rest spread over the front: what just meets the goal on few samples may
   * fail on more, and then a slower or faster neighbour is needed.
   */
  private List<Candidate> select(List<Candidate> candidates, int count) {
    if (candidates.size() <= count) {
      return candidates;
    }
    List<Candidate> rest = new ArrayList<>(candidates);
    rest.sort(goal.order());
    List<Candidate> selected = new ArrayList<>(rest.subList(0, (count + 1) / 2));
    rest.subList(0, selected.size()).clear();
    while (selected.size() < count) {
      List<Candidate> spread = spread(front(rest), count - selected.size());
      selected.addAll(spread);
      rest.removeAll(spread);
    }
    return selected;
  }

  /** At most {@code count} of {@code ordered} at equal distances, both ends included. */
  private static List<Candidate> spread(List<Candidate> ordered, int count) {
    if (ordered.size() <= count) {
      return ordered;
    }
    List<Candidate> spread = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      spread.add(ordered.get(count == 1 ? 0 : i * (ordered.size() - 1) / (count - 1)));
    }
    return spread;
  }

  /** Not dominated by another of {@code candidates}, one of equals; fastest first. */
  private static List<Candidate> front(List<Candidate> candidates) {
    List<Candidate> front = new ArrayList<>();
    for (Candidate c : candidates) {
      if (candidates.stream().noneMatch(c::isDominatedBy)
          && front.stream().noneMatch(c::equalsInBoth)) {
        front.add(c);
      }
    }
    front.sort(Comparator.comparingDouble(Candidate::speedup).reversed());
    return front;
  }

  private void measure(Candidate candidate, int samples) {
    for (int i = candidate.measurements().size(); i < samples; i++) {
      candidate.add(model.run(candidate.settings(), i));
      runs++;
    }
  }

  /**
   * Improves candidates with a static mask step by step until nothing helps: those closest to the
   * goal, since a little too fast may be mended as a little too slow.
   */
  private void descend(List<Candidate> complete) {
    Set<Values> tried = new HashSet<>();
    complete.forEach(c -> tried.add(c.settings()));
    List<Candidate> starts = starts(complete);
    for (int i = 0; i < starts.size(); i++) {
      int limit = runs + (budget - runs) / (starts.size() - i);
      Candidate best = starts.get(i);
      Candidate better = best;
      while (better != null) {
        best = better;
        better = firstBetterNeighbour(best, limit, tried, complete);
      }
      progress.accept("descent ends at " + describe(best) + ", " + runs + " runs made");
    }
  }

  /** Static masks closest to the goal, one per speed. */
  private List<Candidate> starts(List<Candidate> complete) {
    List<Candidate> ordered =
        complete.stream()
            .filter(c -> mask(c.settings()) != null)
            .sorted(Comparator.comparingDouble(goal::distance))
            .toList();
    List<Candidate> starts = new ArrayList<>();
    for (Candidate c : ordered) {
      if (starts.size() < FINALISTS / 2
          && starts.stream().noneMatch(s -> s.speedup() == c.speedup())) {
        starts.add(c);
      }
    }
    return starts;
  }

  private Candidate firstBetterNeighbour(
      Candidate best, int limit, Set<Values> tried, List<Candidate> complete) {
    StepMask from = mask(best.settings());
    boolean faster = goal instanceof TuningGoal.Speed ? !goal.isMet(best) : goal.isMet(best);
    List<StepMask> neighbours =
        new ArrayList<>(faster ? MaskMoves.shortened(from) : MaskMoves.lengthened(from));
    neighbours.addAll(MaskMoves.shifted(from));
    for (StepMask mask : neighbours) {
      Candidate neighbour = new Candidate(CandidateGrid.withMask(best.settings(), mask));
      if (runs + model.samples() > limit) {
        return null;
      }
      if (!tried.add(neighbour.settings())) {
        continue;
      }
      if (survives(neighbour, best)) {
        complete.add(neighbour);
        if (goal.order().compare(neighbour, best) < 0) {
          return neighbour;
        }
      }
    }
    return null;
  }

  /** Measures on all samples, or gives up at the first that rules out an improvement. */
  private boolean survives(Candidate candidate, Candidate best) {
    double floor = floor(candidate, best);
    for (int i = 0; i < model.samples(); i++) {
      measure(candidate, i + 1);
      if (candidate.worstPsnr() < floor) {
        return false;
      }
    }
    return true;
  }

  /** What the worst sample has to reach for the candidate to be better than {@code best}. */
  private double floor(Candidate candidate, Candidate best) {
    if (goal instanceof TuningGoal.Quality quality) {
      boolean shifted = computedSteps(candidate) == computedSteps(best);
      return goal.isMet(best) || !shifted ? quality.psnr() : best.worstPsnr();
    }
    return goal.isMet(best) ? best.worstPsnr() : Double.NEGATIVE_INFINITY;
  }

  private int computedSteps(Candidate candidate) {
    return mask(candidate.settings()).computedWithin(model.steps());
  }

  private static StepMask mask(Values settings) {
    StepMaskSource source = settings.get(CacheKeys.STEPS_COMPUTATION_MASK);
    return source instanceof StepMaskSource.Explicit explicit ? explicit.mask() : null;
  }

  private static String describe(Candidate candidate) {
    return String.format(
        Locale.ROOT, "%.2fx at %.2f dB", candidate.speedup(), candidate.worstPsnr());
  }
}
