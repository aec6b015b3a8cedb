package io.jdit.server;

import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What a server is started with.
 *
 * @param port 0 for any free one
 * @param folder of results and records
 * @param inputs folder of the pictures that requests bring
 * @param kept whether results outlive their request; without, they come in answers only
 * @param keys API keys, one of which requests must give; empty for none
 * @param origins of pages that may call; empty for this server's own only
 * @param urls whether pictures may be given as addresses to fetch
 * @param log in which form a line is written for every request
 */
public record ServerSettings(
    String host,
    int port,
    Path folder,
    Path inputs,
    boolean kept,
    TaskStore.Limits keeps,
    Batching batching,
    int queue,
    Limits limits,
    List<String> keys,
    List<String> origins,
    boolean urls,
    RequestLog log) {
  /**
   * What one request may ask for.
   *
   * @param bodyBytes of a request with its pictures
   * @param pixels of an output or a given picture
   * @param idle after which a connection is closed that nothing is received or sent on, unless a
   *     request waits for its result
   */
  public record Limits(long bodyBytes, long pixels, int frames, int steps, Duration idle) {}
}
