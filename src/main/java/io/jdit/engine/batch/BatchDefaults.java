package io.jdit.engine.batch;

import io.jdit.config.Values;
import io.jdit.media.OutputKind;
import java.math.BigInteger;
import java.util.List;

/**
 * What a line of a batch is run with when it says nothing else: the options of the command line.
 *
 * @param request its prompt and seed are not used
 * @param seeds every line is drawn once with each, unless it has a seed of its own
 * @param fileName plain name that the line number is put into; null for the prompt's words
 * @param kind of the files; null when it is not known yet
 */
public record BatchDefaults(
    Values request, List<BigInteger> seeds, String fileName, OutputKind kind) {
  public BatchDefaults {
    seeds = List.copyOf(seeds);
  }
}
