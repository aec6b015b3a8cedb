package io.jdit.engine.serve;

/**
 * Where a generation stands between two steps.
 *
 * @param done steps that were taken
 * @param expert component that computes the next step; null when all were taken
 * @param batchKey generations of one model with equal keys may take their next step together; null
 *     for one that takes it alone
 */
public record Place(int done, int steps, String expert, String batchKey) {
  public boolean atEnd() {
    return done == steps;
  }
}
