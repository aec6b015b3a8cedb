package io.jdit.engine.serve;

/** Hears of all requests, for the log, the files and the figures of a server. */
public interface SchedulerListener {
  /** A request was accepted. */
  default void accepted(Task task) {}

  /** It waited until now. */
  default void began(Task task) {}

  /** So many generations took a step together. */
  default void stepped(String model, int together, double seconds) {}

  default void ended(Task task) {}

  /** What computes a model was lost, and is made again. */
  default void lost(String model, String reason) {}

  SchedulerListener NONE = new SchedulerListener() {};
}
