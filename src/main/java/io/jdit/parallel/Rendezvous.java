package io.jdit.parallel;

import io.jdit.tensor.Torch;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.time.Duration;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;

/** The key-value store through which ranks find each other; rank 0 serves it. */
public final class Rendezvous implements AutoCloseable {
  private static final long POLL_MILLIS = 20;

  private final Store store;
  private final String localAddress;
  private final int port;

  private Rendezvous(Store store, String localAddress, int port) {
    this.store = store;
    this.localAddress = localAddress;
    this.port = port;
  }

  /**
   * Serves the store.
   *
   * @param address under which this host is known to the other ranks
   * @param port 0 for a free one, see {@link #port}
   */
  public static Rendezvous serve(String address, int port, Duration timeout) {
    return connect(address, port, true, timeout);
  }

  /** Connects to the store, waiting for it to appear. */
  public static Rendezvous join(String address, int port, Duration timeout) {
    return connect(address, port, false, timeout);
  }

  private static Rendezvous connect(String address, int port, boolean server, Duration timeout) {
    Torch.load();
    try (TCPStoreOptions options = new TCPStoreOptions();
        Milliseconds limit = new Milliseconds(timeout.toMillis())) {
      options.port((short) port).isServer(server).waitWorkers(false).timeout(limit);
      TCPStore store = new TCPStore(address, options);
      int found = Short.toUnsignedInt(store.getPort());
      return new Rendezvous(shared(store), localAddress(address), found);
    } catch (RuntimeException e) {
      throw new CollectiveException(
          server
              ? "port "
                  + port
                  + " of "
                  + address
                  + " cannot be used as the meeting point of the ranks (in use?): set MASTER_PORT to"
                  + " a free port"
              : "rank 0 was not found at "
                  + address
                  + " port "
                  + port
                  + " within "
                  + timeout.toSeconds()
                  + " s: check MASTER_ADDR and MASTER_PORT, and that rank 0 runs",
          e);
    }
  }

  /**
   * Address of the interface that reaches {@code address}: what other ranks connect to. No packet
   * is sent.
   */
  private static String localAddress(String address) {
    try (DatagramSocket probe = new DatagramSocket()) {
      probe.connect(new InetSocketAddress(InetAddress.getByName(address), 9));
      return probe.getLocalAddress().getHostAddress();
    } catch (SocketException | UnknownHostException e) {
      throw new CollectiveException("the meeting point " + address + " cannot be reached", e);
    }
  }

  Store store() {
    return store;
  }

  String localAddress() {
    return localAddress;
  }

  public int port() {
    return port;
  }

  /** The same store with {@code prefix} before every key. */
  Rendezvous prefixed(String prefix) {
    return new Rendezvous(shared(new PrefixStore(prefix, store)), localAddress, port);
  }

  /**
   * A counted reference. What a constructor of an intrusive type returns is not counted: its second
   * use as an argument aborts the process, and the garbage collector would free it under those who
   * hold it.
   */
  private static Store shared(Store created) {
    Store counted = new PrefixStore("", created).getUnderlyingStore();
    created.deallocate(false);
    return counted;
  }

  /**
   * Waits until all ranks are here.
   *
   * @throws CollectiveException when they disagree on their number, or some are missing
   */
  void assemble(int rank, int size, Duration timeout) {
    String key = "jdit/size/" + size;
    // The agreeing ranks are counted first and read last: joined > agreeing, wherever it is seen,
    // means
    // that somebody disagrees.
    store.add(key, 1);
    store.add("jdit/joined", 1);
    long limit = System.nanoTime() + timeout.toNanos();
    while (true) {
      long joined = store.add("jdit/joined", 0);
      long agreeing = store.add(key, 0);
      if (joined > agreeing) {
        throw new CollectiveException(
            "rank "
                + rank
                + " was started as one of "
                + size
                + " ranks, others with another number: give all of them the same WORLD_SIZE");
      }
      if (agreeing >= size) {
        return;
      }
      if (System.nanoTime() > limit) {
        throw new CollectiveException(
            "only "
                + agreeing
                + " of "
                + size
                + " ranks joined within "
                + timeout.toSeconds()
                + " s: the others did not start, or use another MASTER_ADDR or MASTER_PORT");
      }
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CollectiveException("interrupted while waiting for other ranks", e);
      }
    }
  }

  /** Publishes a value. */
  void put(String key, String value) {
    store.set(key, value);
  }

  /** Waits for a value. */
  String get(String key) {
    return store.get_to_str(key);
  }

  @Override
  public void close() {
    store.close();
  }
}
