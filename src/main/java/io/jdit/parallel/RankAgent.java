package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.json.JsonMapper;

/**
 * The process of a rank above 0 under torchrun, srun or mpirun: runs its rank as a child whenever
 * the first process says so ({@link RankAgents}), until that one is gone.
 */
public final class RankAgent implements AutoCloseable {
  private static final long SECONDS_TO_END = 10;
  private static final int CANNOT_START = 127; // as a shell says it

  private final RankEnvironment environment;
  private final List<String> command;
  private final Socket socket;
  private final PrintWriter out;
  private final Map<String, Process> children = new ConcurrentHashMap<>();
  private final CountDownLatch closed = new CountDownLatch(1);

  private RankAgent(RankEnvironment environment, List<String> command, Socket socket)
      throws IOException {
    this.environment = environment;
    this.command = List.copyOf(command);
    this.socket = socket;
    out =
        new PrintWriter(
            new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true);
  }

  /**
   * Does what the first process says, until it is gone.
   *
   * @param command program and arguments of a rank here
   * @throws CollectiveException when ranks are missing, or disagree
   */
  public static void run(RankProcess process, List<String> command) throws IOException {
    RankEnvironment environment = process.environment();
    Socket socket;
    try (Rendezvous rendezvous = process.meet()) {
      socket = Endpoint.parse(rendezvous.read(RankAgents.KEY)).connect(environment.rank());
    }
    try (RankAgent agent = new RankAgent(environment, command, socket)) {
      Runtime.getRuntime().addShutdownHook(new Thread(agent::leave, "jdit-agent-signal"));
      agent.listen();
    }
  }

  /** This process was told to end: the first ends what is open, and lets this one go. */
  private void leave() {
    say(AgentConnection.LEAVING);
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void listen() throws IOException {
    try (BufferedReader in = AgentConnection.reader(socket)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.split(" ", 3);
        switch (words[0] + " ") {
          case AgentConnection.START -> start(words[1], words[2]);
          case AgentConnection.END -> child(words[1]).ifPresent(Process::destroy);
          case AgentConnection.KILL -> child(words[1]).ifPresent(Process::destroyForcibly);
          default -> throw new IOException("unknown command " + words[0]);
        }
      }
    }
  }

  private Optional<Process> child(String number) {
    return Optional.ofNullable(children.get(number));
  }

  private void start(String number, String variables) {
    Map<?, ?> given = JsonMapper.shared().readValue(variables, Map.class);
    ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
    builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    given.forEach((name, value) -> builder.environment().put((String) name, (String) value));
    builder.environment().put("LOCAL_RANK", Integer.toString(environment.localRank()));
    try {
      Process child = builder.start();
      children.put(number, child);
      child.onExit().thenAccept(c -> ended(number, c.exitValue()));
    } catch (IOException e) {
      System.err.println("jdit: rank " + environment.rank() + ": " + e.getMessage());
      ended(number, CANNOT_START);
    }
  }

  private void ended(String number, int code) {
    children.remove(number);
    say(AgentConnection.ENDED + number + " " + code);
  }

  private synchronized void say(String line) {
    out.println(line);
  }

  private void endChildren() {
    List<Process> running = List.copyOf(children.values());
    running.forEach(Process::destroy);
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS_TO_END);
    for (Process child : running) {
      try {
        if (!child.waitFor(limit - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          child.destroyForcibly();
        }
      } catch (InterruptedException e) {
        child.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() throws IOException {
    endChildren();
    socket.close();
    closed.countDown();
  }
}
