package io.jdit.engine;

import io.jdit.cache.CacheSection;
import io.jdit.cache.tune.TuningModel;
import io.jdit.config.Values;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A model to tune whose measurements are noted in a file: a search that was killed repeats its way
 * without running what it knows.
 */
public final class JournaledTuning implements TuningModel {
  private final TuningModel model;
  private final ResultJournal journal;
  private final Map<String, Measurement> known = new HashMap<>();

  /**
   * @param result file that the search will write; the measurements are beside it
   * @param requests that are tuned on
   */
  public JournaledTuning(TuningModel model, Path result, Engine engine, List<Values> requests)
      throws IOException {
    this.model = model;
    this.journal =
        new ResultJournal(
            ResultJournal.beside(result), "tuning " + engine.profiles().task(requests));
    for (String line : journal.results()) {
      String[] words = line.split(" ", 5);
      known.put(
          words[4],
          new Measurement(number(words[0]), number(words[1]), number(words[2]), number(words[3])));
    }
  }

  private static double number(String word) {
    return Double.parseDouble(word);
  }

  /** Measurements that need not be made again. */
  public int known() {
    return known.size();
  }

  @Override
  public int steps() {
    return model.steps();
  }

  @Override
  public int samples() {
    return model.samples();
  }

  @Override
  public List<Values> further() {
    return model.further();
  }

  @Override
  public Measurement run(Values settings, int index) {
    String key = index + " " + CacheSection.toYaml(settings).replace("\n", ";");
    return known.computeIfAbsent(
        key,
        k -> {
          Measurement m = model.run(settings, index);
          note(
              "%s %s %s %s %s"
                  .formatted(m.psnr(), m.work(), m.blockMillis(), m.uncachedBlockMillis(), k));
          return m;
        });
  }

  private void note(String line) {
    try {
      journal.add(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The search is done. */
  public void delete() throws IOException {
    journal.delete();
  }
}
