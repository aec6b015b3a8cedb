package io.jdit.pipeline.batch;

import io.jdit.pipeline.GenerationRequest;
import java.util.List;

/**
 * One request of a batch: what a process claims, runs and records as a whole.
 *
 * @param key tells it from all others of its batch, and is a file name: line number, and the number
 *     of the seed where the line has several
 * @param line line of the prompt file, from 1
 * @param fileNames plain names of its pictures, one for each of {@code request.images()}
 */
public record BatchItem(String key, int line, GenerationRequest request, List<String> fileNames) {
  public BatchItem {
    fileNames = List.copyOf(fileNames);
    if (fileNames.size() != request.images()) {
      throw new IllegalArgumentException(
          fileNames.size() + " names for " + request.images() + " pictures");
    }
  }
}
