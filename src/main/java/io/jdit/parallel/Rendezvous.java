package io.jdit.parallel;

import io.jdit.tensor.Torch;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.ByteVector;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;

/** The key-value store through which ranks find each other; rank 0 serves it. */
public final class Rendezvous implements AutoCloseable {
  private static final String LOOPBACK = "127.0.0.1";
  private static final long POLL_MILLIS = 20;

  /** A host that starts at the same time as this one may not be known by its name at once. */
  private static final Duration NAME_TIMEOUT = Duration.ofSeconds(20);

  /** What the others have to read that rank 0 leaves. */
  private static final long FAREWELL_MILLIS = 500;

  private static final String JOINED = "jdit/joined";
  private static final String SIZES = "jdit/sizes";
  private static final String RANK = "jdit/rank/";
  private static final String ADDRESS = "jdit/address";

  /**
   * What a constructor of an intrusive type returns is not counted, and every use as an argument
   * leaves a reference behind that nobody drops: so it serves and is freed, and nothing else.
   */
  private final Store origin;

  private final Store store; // a counted clone, with a connection of its own
  private final InetAddress meeting; // null where this host does not know the name
  private final int port;
  private final Rendezvous under; // closed with this one; null when there is none
  private String meetingElsewhere; // as other hosts know it; null when there are none

  private Rendezvous(Store origin, Store store, InetAddress meeting, int port, Rendezvous under) {
    this.origin = origin;
    this.store = store;
    this.meeting = meeting;
    this.port = port;
    this.under = under;
  }

  /**
   * Serves the store, on all interfaces.
   *
   * @param host under which this host is known to the other ranks
   * @param port 0 for a free one, see {@link #port}
   */
  public static Rendezvous serve(String host, int port, Duration timeout) {
    try {
      // Whatever the name means on this host: rank 0 itself needs it for no connection.
      return connect(LOOPBACK, resolve(host, Duration.ZERO), port, true, timeout);
    } catch (RuntimeException e) {
      throw new CollectiveException(
          "port "
              + port
              + " of "
              + host
              + " cannot be used as the meeting point of the ranks (in use?): set MASTER_PORT to"
              + " a free port",
          e);
    }
  }

  /** Connects to the store, waiting for it to appear. */
  public static Rendezvous join(String host, int port, Duration timeout) {
    InetAddress meeting =
        resolve(host, timeout.compareTo(NAME_TIMEOUT) < 0 ? timeout : NAME_TIMEOUT);
    if (meeting == null) {
      throw new CollectiveException(
          "this host does not know MASTER_ADDR '" + host + "': use a name that it knows, or an IP");
    }
    try {
      return connect(meeting.getHostAddress(), meeting, port, false, timeout);
    } catch (RuntimeException e) {
      throw new CollectiveException(
          "rank 0 was not found at "
              + host
              + " port "
              + port
              + " within "
              + timeout.toSeconds()
              + " s"
              + (meeting.isLoopbackAddress() ? " (" + host + " is this host itself)" : "")
              + ": check MASTER_ADDR and MASTER_PORT, and that rank 0 runs",
          e);
    }
  }

  private static Rendezvous connect(
      String address, InetAddress meeting, int port, boolean server, Duration timeout) {
    Torch.load();
    try (TCPStoreOptions options = new TCPStoreOptions();
        Milliseconds limit = new Milliseconds(timeout.toMillis())) {
      options.port((short) port).isServer(server).waitWorkers(false).timeout(limit);
      TCPStore store = new TCPStore(address, options);
      int found = Short.toUnsignedInt(store.getPort());
      return new Rendezvous(store, store.clone(), meeting, found, null);
    }
  }

  /** Address of a host, null when its name stays unknown. */
  private static InetAddress resolve(String host, Duration timeout) {
    long limit = System.nanoTime() + timeout.toNanos();
    while (true) {
      try {
        return InetAddress.getByName(host);
      } catch (UnknownHostException e) {
        if (System.nanoTime() >= limit) {
          return null;
        }
        pause(POLL_MILLIS);
      }
    }
  }

  Store store() {
    return store;
  }

  /**
   * Address of this host that the other ranks connect to: that of the interface which reaches the
   * meeting point. A host often knows its own name as a loopback address, which reaches nobody:
   * then it is what other hosts know it by.
   *
   * @throws CollectiveException when this host has no such address
   */
  String localAddress() {
    try {
      if (meeting == null || meeting.isLoopbackAddress()) {
        return meetingElsewhere == null ? LOOPBACK : requireOwn(meetingElsewhere);
      }
      try (DatagramSocket probe = new DatagramSocket()) {
        probe.connect(new InetSocketAddress(meeting, 9)); // sends nothing, finds the route
        return probe.getLocalAddress().getHostAddress();
      }
    } catch (SocketException | UnknownHostException e) {
      throw new CollectiveException("the meeting point " + meeting + " cannot be reached", e);
    }
  }

  private static String requireOwn(String address) throws SocketException, UnknownHostException {
    if (NetworkInterface.getByInetAddress(InetAddress.getByName(address)) == null) {
      throw new CollectiveException(
          "other hosts know the meeting point as "
              + address
              + ", which is no address of this host: set GLOO_SOCKET_IFNAME to the interface that"
              + " reaches them");
    }
    return address;
  }

  public int port() {
    return port;
  }

  /** The same store with {@code prefix} before every key. */
  Rendezvous prefixed(String prefix) {
    return prefixed(prefix, null);
  }

  /** The same in place of this one, which is closed with it. */
  Rendezvous renamed(String prefix) {
    return prefixed(prefix, this);
  }

  private Rendezvous prefixed(String prefix, Rendezvous under) {
    PrefixStore view = new PrefixStore(prefix, store);
    Rendezvous prefixed = new Rendezvous(view, view.clone(), meeting, port, under);
    prefixed.meetingElsewhere = meetingElsewhere;
    return prefixed;
  }

  /** Leaves something for the others to read. */
  void publish(String key, String text) {
    store.set(key, text);
  }

  /** Waits until somebody has left it, as long as the store's limit allows. */
  String read(String key) {
    return store.get_to_str(key);
  }

  /**
   * Waits until all ranks are here.
   *
   * @throws CollectiveException when they disagree on their number, some are missing, or two are
   *     the same
   */
  void assemble(int rank, int size, Duration timeout) {
    try {
      announce(rank, size);
      await(rank, size, timeout);
      meetingElsewhere = has(ADDRESS) ? store.get_to_str(ADDRESS) : null;
    } catch (CollectiveException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new CollectiveException(
          "rank 0 ended while the ranks were joining: see what it says", e);
    }
  }

  private void announce(int rank, int size) {
    if (store.add(RANK + rank, 1) > 1) {
      throw new CollectiveException(
          "two processes were started as rank "
              + rank
              + " of "
              + size
              + ": give each of them a number of its own");
    }
    try (ByteVector mine = bytes("rank " + rank + " of " + size + ", ")) {
      store.append(SIZES, mine);
    }
    if (meeting != null && !meeting.isLoopbackAddress()) {
      store.set(ADDRESS, meeting.getHostAddress());
    }
    // The agreeing ranks are counted first and read last: joined > agreeing, wherever it is seen,
    // means that somebody disagrees.
    store.add(agreeing(size), 1);
    store.add(JOINED, 1);
  }

  private void await(int rank, int size, Duration timeout) {
    long limit = System.nanoTime() + timeout.toNanos();
    while (true) {
      long joined = store.add(JOINED, 0);
      long agreeing = store.add(agreeing(size), 0);
      if (joined > agreeing) {
        String found = store.get_to_str(SIZES);
        if (rank == 0) {
          pause(FAREWELL_MILLIS);
        }
        throw new CollectiveException(
            "the ranks disagree on their number ("
                + found.substring(0, found.length() - 2)
                + "): give all of them the same WORLD_SIZE");
      }
      if (agreeing >= size) {
        return;
      }
      if (System.nanoTime() > limit) {
        List<Integer> missing =
            IntStream.range(0, size).filter(r -> !has(RANK + r)).boxed().toList();
        throw new CollectiveException(
            "only "
                + agreeing
                + " of "
                + size
                + " ranks joined within "
                + timeout.toSeconds()
                + " s"
                + ", missing are "
                + missing
                + ": they did not start, or use another MASTER_ADDR or MASTER_PORT");
      }
      pause(POLL_MILLIS);
    }
  }

  private static String agreeing(int size) {
    return "jdit/size/" + size;
  }

  private boolean has(String key) {
    try (StringVector keys = new StringVector(key)) {
      return store.check(keys);
    }
  }

  private static ByteVector bytes(String text) {
    return new ByteVector(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectiveException("interrupted while waiting for other ranks", e);
    }
  }

  @Override
  public void close() {
    store.close();
    origin.close();
    if (under != null) {
      under.close();
    }
  }
}
