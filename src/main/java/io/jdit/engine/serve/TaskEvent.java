package io.jdit.engine.serve;

/** Something that a request's client may want to hear of. */
public sealed interface TaskEvent {
  /** It is somewhere else than before: state, stage or step. */
  record Progressed() implements TaskEvent {}

  /**
   * A coarse picture of what it tends to.
   *
   * @param index 0 for the first
   */
  record Preview(int index, byte[] png) implements TaskEvent {}

  /** It has ended, one way or another. */
  record Ended() implements TaskEvent {}
}
