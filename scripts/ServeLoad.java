import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Load on a server: {@code java scripts/ServeLoad.java URL CLIENTS REQUESTS [PID]}. Each client asks
 * for pictures of two steps, one after the other; 429 is waited out. Prints how many were answered,
 * the times, and with the server's process id its resident memory on the way.
 */
public final class ServeLoad {
  private static final String BODY =
      "{\"prompt\": \"a large %s circle on a %s background\", \"num_inference_steps\": 2,"
          + " \"seed\": %d}";
  private static final String[] COLOURS = {"red", "green", "blue", "yellow", "cyan", "black"};

  public static void main(String[] args) throws Exception {
    URI url = URI.create(args[0] + "/v1/images/generations");
    int clients = Integer.parseInt(args[1]);
    int requests = Integer.parseInt(args[2]);
    String pid = args.length > 3 ? args[3] : null;
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    AtomicInteger next = new AtomicInteger();
    AtomicInteger busy = new AtomicInteger();
    AtomicInteger lost = new AtomicInteger();
    double[] seconds = new double[requests];
    CountDownLatch done = new CountDownLatch(clients);
    long start = System.nanoTime();
    for (int c = 0; c < clients; c++) {
      new Thread(
              () -> {
                try {
                  for (int i = next.getAndIncrement(); i < requests; i = next.getAndIncrement()) {
                    seconds[i] = ask(client, url, i, busy, lost);
                  }
                } finally {
                  done.countDown();
                }
              })
          .start();
    }
    int reported = 0;
    while (done.getCount() > 0) {
      Thread.sleep(500);
      int now = Math.min(requests, next.get()) * 10 / requests;
      if (pid != null && now > reported) {
        reported = now;
        System.out.printf(Locale.ROOT, "%d0 %%: %s%n", now, resident(pid));
      }
    }
    double all = (System.nanoTime() - start) / 1e9;
    Arrays.sort(seconds);
    System.out.printf(
        Locale.ROOT,
        "%d clients, %d requests in %.1f s: %.1f per second, p50 %.2f s, p99 %.2f s, longest"
            + " %.2f s; lost %d, told to come back %d times%n",
        clients,
        requests,
        all,
        requests / all,
        seconds[requests / 2],
        seconds[(int) (requests * 0.99)],
        seconds[requests - 1],
        lost.get(),
        busy.get());
    System.exit(lost.get() > 0 ? 1 : 0);
  }

  private static double ask(
      HttpClient client, URI url, int i, AtomicInteger busy, AtomicInteger lost) {
    String body =
        String.format(
            Locale.ROOT,
            BODY,
            COLOURS[i % COLOURS.length],
            COLOURS[i / COLOURS.length % COLOURS.length],
            i);
    HttpRequest request =
        HttpRequest.newBuilder(url)
            .timeout(Duration.ofMinutes(10))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    long start = System.nanoTime();
    try {
      while (true) {
        HttpResponse<String> response =
            client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() == 429) {
          busy.incrementAndGet();
          Thread.sleep(
              1000L * Integer.parseInt(response.headers().firstValue("Retry-After").orElse("1")));
          continue;
        }
        if (response.statusCode() != 200 || !response.body().contains("\"url\"")) {
          lost.incrementAndGet();
          System.err.println(response.statusCode() + " " + response.body());
        }
        return (System.nanoTime() - start) / 1e9;
      }
    } catch (Exception e) {
      lost.incrementAndGet();
      System.err.println(e);
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private static String resident(String pid) throws Exception {
    return Files.readAllLines(Path.of("/proc", pid, "status")).stream()
        .filter(l -> l.startsWith("VmRSS") || l.startsWith("RssAnon"))
        .map(l -> l.replaceAll("\\s+", " "))
        .reduce((a, b) -> a + ", " + b)
        .orElse("?");
  }
}
