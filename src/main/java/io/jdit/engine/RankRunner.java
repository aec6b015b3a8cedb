package io.jdit.engine;

import io.jdit.config.Values;
import io.jdit.engine.serve.CacheChoice;
import io.jdit.engine.serve.Finished;
import io.jdit.engine.serve.Place;
import io.jdit.engine.serve.RunnerLostException;
import io.jdit.engine.serve.StepOutcome;
import io.jdit.engine.serve.StepRunner;
import io.jdit.engine.serve.Target;
import io.jdit.parallel.Endpoint;
import io.jdit.parallel.Launcher;
import io.jdit.parallel.RankFailure;
import io.jdit.parallel.RankHosts;
import io.jdit.pipeline.OutOfMemoryException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Computes generations on ranks, processes that hold a model between them. Every command goes to
 * all of them and is answered by all, so that they do the same in the same order; what the first
 * says counts. When one of them is gone all are ended.
 */
public final class RankRunner implements StepRunner {
  /** Environment variable with the {@link Endpoint} that commands come from. */
  public static final String VARIABLE = "JDIT_COMMANDS";

  private static final int POLL_MILLIS = 200;
  private static final long SECONDS_TO_END = 10;
  private static final int OUT_OF_MEMORY = 4; // exit code of the command line

  private final List<RankConnection> ranks = new ArrayList<>();
  private final CompletableFuture<Integer> end = new CompletableFuture<>();
  private volatile RankFailure failure;
  private final Thread launching;
  private final String about;

  /**
   * Starts the ranks and waits until each has loaded its share.
   *
   * @param variables of the environment of each
   * @throws OutOfMemoryException when it does not fit
   * @throws RunnerLostException when a rank fails before that
   */
  public RankRunner(RankHosts hosts, Map<String, String> variables) {
    try (ServerSocket server = new ServerSocket(0, hosts.size(), hosts.address())) {
      Endpoint endpoint = Endpoint.of(server);
      Map<String, String> all = new HashMap<>(variables);
      all.put(VARIABLE, endpoint.toString());
      Launcher launcher = new Launcher(hosts, all, System.err);
      launcher.onFailure(f -> failure = f);
      launcher.ignoreSignals();
      this.launching = new Thread(() -> launch(launcher), "jdit-ranks");
      this.launching.setDaemon(true);
      this.launching.start();
      accept(server, endpoint, hosts.size());
      about = ask(RankCommand.about()).about();
    } catch (IOException e) {
      throw new IllegalStateException("no connection to the ranks: " + e.getMessage(), e);
    }
  }

  private void launch(Launcher launcher) {
    try {
      end.complete(launcher.run());
    } catch (IOException | InterruptedException | RuntimeException e) {
      end.completeExceptionally(e);
    }
  }

  private void accept(ServerSocket server, Endpoint endpoint, int size) throws IOException {
    server.setSoTimeout(POLL_MILLIS);
    RankConnection[] found = new RankConnection[size];
    for (int open = size; open > 0; ) {
      try {
        Socket socket = server.accept();
        RankConnection connection = RankConnection.accept(socket, endpoint, size);
        if (connection == null) {
          socket.close();
        } else {
          found[connection.rank()] = connection;
          open--;
        }
      } catch (SocketTimeoutException e) {
        if (end.isDone()) {
          throw lost();
        }
      }
    }
    ranks.addAll(List.of(found));
  }

  /** What to throw when the ranks are gone: waits for the launcher's word on who failed first. */
  private RuntimeException lost() {
    String reason;
    int code = 1;
    try {
      code = end.get(SECONDS_TO_END, TimeUnit.SECONDS);
      reason = failure == null ? "the ranks ended with code " + code : failure.line();
    } catch (TimeoutException e) {
      reason = failure == null ? "a rank does not answer" : failure.line();
    } catch (ExecutionException e) {
      reason = e.getCause().getMessage();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      reason = "interrupted";
    }
    endRanks();
    return code == OUT_OF_MEMORY && ranks.isEmpty()
        ? new OutOfMemoryException(failure == null ? reason : failure.message())
        : new RunnerLostException(reason + "; the ranks are started again");
  }

  private RankReply ask(RankCommand command) {
    try {
      for (RankConnection rank : ranks) {
        rank.send(command);
      }
      RankReply first = null;
      for (RankConnection rank : ranks) {
        RankReply reply = rank.receive();
        first = first == null ? reply : first;
      }
      first.requireSuccess();
      return first;
    } catch (IOException e) {
      throw lost();
    }
  }

  @Override
  public Place begin(String id, List<Values> requests, CacheChoice cache, boolean previews) {
    return ask(RankCommand.begin(id, requests, cache, previews)).place();
  }

  @Override
  public List<StepOutcome> step(List<String> ids) {
    return ask(RankCommand.step(ids)).outcomes();
  }

  @Override
  public byte[] preview(String id) {
    return ask(RankCommand.preview(id)).png();
  }

  @Override
  public Finished finish(String id, Target target) {
    return ask(RankCommand.finish(id, target)).finished();
  }

  @Override
  public void drop(String id) {
    ask(RankCommand.drop(id));
  }

  @Override
  public String about() {
    return about + " on " + ranks.size() + " ranks";
  }

  @Override
  public void close() {
    for (RankConnection rank : ranks) {
      try {
        rank.send(RankCommand.end());
      } catch (IOException e) {
        // It is gone already.
      }
    }
    endRanks();
  }

  /** Gives them time to end by themselves, then ends them. */
  private void endRanks() {
    ranks.forEach(RankConnection::close);
    try {
      end.get(SECONDS_TO_END, TimeUnit.SECONDS);
    } catch (TimeoutException | ExecutionException e) {
      launching.interrupt();
    } catch (InterruptedException e) {
      launching.interrupt();
      Thread.currentThread().interrupt();
    }
    try {
      launching.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
