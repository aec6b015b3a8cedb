package io.jdit.parallel;

import java.util.Locale;

/** Kinds of communication between ranks. */
public enum Collective {
  ALL_REDUCE,
  ALL_GATHER,
  ALL_TO_ALL,
  POINT_TO_POINT,
  BROADCAST,
  BARRIER;

  /** As written in reports, for example {@code all-to-all}. */
  public String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
