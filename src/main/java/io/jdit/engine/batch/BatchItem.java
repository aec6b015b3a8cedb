package io.jdit.engine.batch;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import java.util.List;

/**
 * One request of a batch: what a process claims, runs and records as a whole.
 *
 * @param key tells it from all others of its batch, and is a file name: line number, and the number
 *     of the seed where the line has several
 * @param line line of the prompt file, from 1
 * @param fileNames plain names of its pictures, one for each output of {@code request}
 */
public record BatchItem(String key, int line, Values request, List<String> fileNames) {
  public BatchItem {
    fileNames = List.copyOf(fileNames);
    int outputs = request.get(RequestKeys.NUM_OUTPUTS_PER_PROMPT);
    if (fileNames.size() != outputs) {
      throw new IllegalArgumentException(fileNames.size() + " names for " + outputs + " pictures");
    }
  }
}
