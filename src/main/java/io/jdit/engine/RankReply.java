package io.jdit.engine;

import io.jdit.engine.serve.Finished;
import io.jdit.engine.serve.Place;
import io.jdit.engine.serve.StepOutcome;
import io.jdit.pipeline.NotFiniteException;
import java.util.List;

/**
 * What a rank answers to a command. What there is nothing of is null.
 *
 * @param error why it could not be done, in one line
 * @param ownFault whether the request cannot be done at all
 */
record RankReply(
    Place place,
    List<StepOutcome> outcomes,
    byte[] png,
    Finished finished,
    String about,
    String error,
    boolean ownFault) {
  static RankReply of(Place place) {
    return new RankReply(place, null, null, null, null, null, false);
  }

  static RankReply of(List<StepOutcome> outcomes) {
    return new RankReply(null, outcomes, null, null, null, null, false);
  }

  static RankReply of(byte[] png) {
    return new RankReply(null, null, png, null, null, null, false);
  }

  static RankReply of(Finished finished) {
    return new RankReply(null, null, null, finished, null, null, false);
  }

  static RankReply of(String about) {
    return new RankReply(null, null, null, null, about, null, false);
  }

  static RankReply done() {
    return new RankReply(null, null, null, null, null, null, false);
  }

  static RankReply failed(RuntimeException e) {
    boolean own = e instanceof IllegalArgumentException || e instanceof NotFiniteException;
    return new RankReply(null, null, null, null, null, FailureText.of(e), own);
  }

  void requireSuccess() {
    if (error != null) {
      throw ownFault ? new IllegalArgumentException(error) : new RankErrorException(error);
    }
  }

  /** A request failed on a rank, which goes on. */
  static final class RankErrorException extends RuntimeException {
    RankErrorException(String message) {
      super(message);
    }
  }
}
