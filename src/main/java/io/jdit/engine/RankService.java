package io.jdit.engine;

import io.jdit.engine.serve.StepRunner;
import io.jdit.pipeline.NotFiniteException;
import java.io.IOException;
import java.io.UncheckedIOException;

/** A rank of a server: does what {@link RankRunner} says until it is told to end. */
public final class RankService {
  private RankService() {}

  /**
   * Serves commands.
   *
   * <p>A failure that every rank has alike is answered, and the rank goes on. Any other ends it:
   * the other ranks may be in the middle of something that it is part of.
   *
   * @param address value of {@link RankRunner#VARIABLE}
   * @throws IOException when the server is gone
   */
  public static void run(StepRunner runner, RankSession session, String address)
      throws IOException {
    try (RankConnection connection = RankConnection.connect(address, session.rank())) {
      while (true) {
        RankCommand command = connection.next();
        if (command.operation() == RankCommand.Operation.END) {
          return;
        }
        session.stage(command.stage());
        RankReply reply;
        try {
          reply = command.runOn(runner);
        } catch (IllegalArgumentException | NotFiniteException | UncheckedIOException e) {
          reply = RankReply.failed(e);
        }
        connection.send(reply);
      }
    }
  }
}
